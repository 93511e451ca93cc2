"""Every refusal of the design: its words, its exit code, its code, and that nothing was built."""

from __future__ import annotations

import pytest

# (words behind the recipe, exit code, code of the diagnostic, what the text says)
REFUSALS = [
    # no name that the schema lacks
    (["q.bitz=8"], 1, "E0203", "did you mean `bits`"),
    (["+q.bitz=8"], 1, "E0203", "did you mean `bits`"),
    (["++q.bitz=8"], 1, "E0203", "did you mean `bits`"),
    (["p.bits=8"], 1, "E0563", "`p`"),
    (["+new=8"], 1, "E0563", "`new`"),
    # no whole binding
    (["q=foo"], 1, "E0562", "as a whole"),
    (["~q"], 1, "E0562", "as a whole"),
    (["~budget.onnx"], 1, "E0562", "as a whole"),
    (["~target"], 1, "E0562", "target"),
    # values are checked like the file
    (["q.bits=5"], 1, "E0305", "one of 4, 8"),
    (["q.bits='\"8\"'"], 1, "E03", "bits"),
    (["budget.onnx.ttft.p95=300 MB"], 1, "E0302", "time"),
    (["target=h10"], 1, "E0211", "did you mean `h100`"),
    (["target.memory=8 apples"], 1, "E0553", "apples"),
    (["engine.run_dir=x"], 1, "E0552", "run_dir"),
    (["defaults=x"], 1, "E0563", "defaults"),
    (["target@x=h100"], 1, "E0560", "target@x"),
    # nothing is resolved
    (["q.bits=${oc.env:HOME}"], 2, "E0504", "${"),
    (["small.source=file:${oc.env:HOME}"], 2, "E0504", "${"),
    (["q.bits=???"], 2, "E0504", "???"),
    # nothing of Hydra's runs code
    (["+hydra.callbacks.x._target_=os.system"], 2, "E0505", "hydra.callbacks"),
    (["hydra.launcher._target_=os.system"], 2, "E0505", "_target_"),
    (["hydra.run.dir=x"], 2, "E0505", "--outputs"),
    (["hydra/job_logging=stdout"], 2, "E0505", "hydra/launcher"),
    (["--config-name=x"], 2, "E0506", "--config-name"),
    (["--config-name", "x"], 2, "E0506", "--config-name"),
    (["-cn", "x"], 2, "E0506", "-cn"),
    (["--config-path=x"], 2, "E0506", "--config-path"),
    (["--config-dir=x"], 2, "E0506", "--config-dir"),
    (["--experimental-rerun=x.pickle"], 2, "E0506", "--experimental-rerun"),
    (["--shell-completion"], 2, "E0506", "completion"),
    (["--config-d=x"], 2, "E0502", "--config-d"),  # argparse would take the abbreviation
    (["hydra/launcher=nope"], 2, "E0507", "nope"),
    # sweeps
    (["q.bits=4,8"], 2, "E0508", "-m"),
    (["q.bits=choice(4,8)"], 2, "E0508", "-m"),
    (["-m", "q.bits=range(a,b)"], 2, "E0508", "range"),
    (["-m", "--cfg", "job", "q.bits=4,8"], 2, "E0503", "exclude"),
    (["-m", "--info"], 2, "E0503", "exclude"),
    (["--resolve"], 2, "E0503", "--cfg"),
    (["-m", "q.bitz=4,8"], 1, "E0203", "did you mean `bits`"),
    (["-m", "q.bits=4,5"], 1, "E0305", "one of 4, 8"),
    (["-m", "q.bits=5,4"], 1, "E0305", "one of 4, 8"),
    (["-m", "measure.confidence=0.9,high"], 1, "E0553", "high"),
    # words
    (["--multrun"], 2, "E0502", "did you mean `--multirun`"),
    (["--cfg", "jobs"], 2, "E0502", "did you mean `job`"),
    (["--cfg"], 2, "E0502", "job"),
    (["--predict-only=yes"], 2, "E0502", "no value"),
    (["q.bits"], 2, "E0509", "q.bits=VALUE"),
    (["other.opt"], 2, "E0509", "one recipe"),
]


@pytest.mark.parametrize(
    ("words", "exit_code", "code", "says"),
    REFUSALS,
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_refused(words, exit_code, code, says, run, builds, folder):
    ran = run("chat.opt", *words)
    assert ran.code == exit_code, ran.err
    assert f"[{code}" in ran.err
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert builds.configs == []
    assert not (folder / "outputs").exists()


def test_all_mistakes_in_one_run(run, builds):
    ran = run("chat.opt", "q.bitz=8", "q.group=33", "budget.onnx.ttft.p95=3 MB")
    assert ran.err.count("error[") == 3


def test_the_caret_stands_in_the_argument(run):
    ran = run("chat.opt", "q.bits=5")
    assert "q.bits=5\n  |        ^" in ran.err


def test_an_interpolation_in_the_recipe(run, builds, folder):
    text = (folder / "chat.opt").read_text().replace("pypi:small==1#model.gguf", "file:${oc.env:HOME}")
    (folder / "chat.opt").write_text(text)
    ran = run("chat.opt")
    assert (ran.code, builds.configs) == (1, [])
    assert "${" in ran.err
