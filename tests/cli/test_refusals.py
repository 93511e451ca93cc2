"""Every refusal of the design: its words, its exit code, its code, and that nothing was built."""

from __future__ import annotations

import json

import pytest

# (words behind the recipe, exit code, code of the diagnostic, what the text says)
REFUSALS = [
    # no name that the schema lacks
    (["q.bitz=8"], 2, "E0203", "did you mean `bits`"),
    (["+q.bitz=8"], 2, "E0203", "did you mean `bits`"),
    (["++q.bitz=8"], 2, "E0203", "did you mean `bits`"),
    (["p.bits=8"], 2, "E0563", "`p`"),
    (["+new=8"], 2, "E0563", "`new`"),
    # no whole binding
    (["q=foo"], 2, "E0562", "as a whole"),
    (["~q"], 2, "E0562", "as a whole"),
    (["~budget.onnx"], 2, "E0562", "as a whole"),
    (["~target"], 2, "E0562", "target"),
    # values are checked like the file
    (["q.bits=5"], 2, "E0305", "one of 4, 8"),
    (["q.bits='\"8\"'"], 2, "E03", "bits"),
    (["budget.onnx.ttft.p95=300 MB"], 2, "E0302", "time"),
    (["target=h10"], 2, "E0211", "did you mean `h100`"),
    (["target.memory=8 apples"], 2, "E0553", "apples"),
    (["engine.run_dir=x"], 2, "E0552", "run_dir"),
    (["defaults=x"], 2, "E0563", "defaults"),
    (["target@x=h100"], 2, "E0560", "target@x"),
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
    (["-m", "q.bitz=4,8"], 2, "E0203", "did you mean `bits`"),
    (["-m", "q.bits=4,5"], 2, "E0305", "one of 4, 8"),
    (["-m", "q.bits=5,4"], 2, "E0305", "one of 4, 8"),
    (["-m", "measure.confidence=0.9,high"], 2, "E0553", "high"),
    (["-m", "q.group=range(0,1000000000)"], 2, "E0508", "1000000000 values"),
    (["-m", "q.group=shuffle(range(0,1000000000))"], 2, "E0508", "1000000000 values"),
    (["-m", "q.group=sort(range(0,1000000000,2))"], 2, "E0508", "500000000 values"),
    (["-m", "q.damp=range(0,1,0.000001)"], 2, "E0508", "1000000 values"),
    (["-m", "q.group=range(9,2)"], 2, "E0508", "no number lies"),
    (["-m", "q.group=range(2,9,0)"], 2, "E0508", "in steps of 0"),
    (["-m", "calib.seed=range(0,20)", "q.group=range(0,20)"], 2, "E0523", "400 jobs"),
    (["-m", "q.damp=interval(0,1)"], 2, "E0524", "hydra/sweeper=optuna"),
    (["-m", "q.damp=tag(log,interval(0.1,1))"], 2, "E0524", "range("),
    (["-m", "q.bits=glob(*)"], 2, "E0508", "options of a group"),
    (["-m", "target=glob(x*)"], 2, "E0508", "fits"),
    (["-m", "q.bits=choice()"], 2, "E0508", "empty choice"),
    (["q.damp=interval(0,1)"], 2, "E0508", "-m"),
    # one word of the shell
    (["q.bits=4,", "8"], 2, "E0509", "write `q.bits=4,8`"),
    (["q.bits=4", ",", "8"], 2, "E0509", "write `q.bits=4,8`"),
    (["-m", "q.bits=4,", "8"], 2, "E0509", "write `q.bits=4,8`"),
    (["target", "=", "cpu"], 2, "E0509", "write `target=cpu`"),
    (["target=", "cpu"], 2, "E0509", "write `target=cpu`"),
    (["target", "=cpu"], 2, "E0509", "write `target=cpu`"),
    (["target", "cpu"], 2, "E0509", "write `target=cpu`"),
    (["q.bits", "8"], 2, "E0509", "write `q.bits=8`"),
    (["budget.onnx.size=300", "MB"], 2, "E0509", "write `'budget.onnx.size=300 MB'`"),
    (["budget.onnx.perplexity=105%", "of", "base"], 2, "E0509", "perplexity=105% of base'`"),
    (["q.bits:4"], 2, "E0509", "write `q.bits=4`"),
    (["--q.bits=4"], 2, "E0502", "overrides have no dashes: `q.bits=4`"),
    (["my-q.bits=4"], 2, "E0563", "`my-q`"),
    (["budget.onnx.ttft-p95=3 ms"], 2, "E0564", "did you mean `ttft.p95`"),
    (["budget.onnx.disk=3 MB"], 2, "E0564", "its name here is `size`"),
    (["target=a100"], 2, "E0211", "for `a100` there is `p4d_24xlarge`"),
    (["q.bits=int4"], 2, "E0303", "write `bits = 4`"),
    (["q.group=65"], 2, "E0305", "the nearest is `group = 64`"),
    (["measure.seconds=5 MB"], 2, "E0553", "time"),
    (["measure.seconds=5 minutes"], 2, "E0553", "did you mean `min`"),
    # words
    (["--multrun"], 2, "E0502", "did you mean `--multirun`"),
    (["--cfg", "jobs"], 2, "E0502", "did you mean `job`"),
    (["--cfg"], 2, "E0502", "job"),
    (["--predict-only=yes"], 2, "E0502", "no value"),
    (["q.bits"], 2, "E0509", "q.bits=VALUE"),
    (["other.opt"], 2, "E0509", "one recipe"),
]


USAGE = ("E0502", "E0503", "E0504", "E0506", "E0509")  # of `split`, before any verb runs


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
    if code in USAGE:  # it is not even known that a build was meant
        assert not (folder / "outputs").exists()
        return
    report = json.loads((folder / "outputs/chat/latest/report.json").read_text("utf-8"))
    assert report["verdict"] == "failed" and report["exit_code"] == exit_code
    assert any(found["code"].startswith(code) for found in report["diagnostics"])


def test_words_that_the_shell_took_apart_hide_no_other(run):
    ran = run("chat.opt", "q.bits=4", ",", "8", "target", "=", "h100")
    assert ran.err.count("error[E0509]") == 2 and "`q.bits=4,8`" in ran.err and "`target=h100`" in ran.err


def test_what_is_wrong_in_the_recipe_is_no_wrong_usage(run, folder):
    text = (folder / "chat.opt").read_text()
    (folder / "chat.opt").write_text(text.replace("bits = 4", "bits = 5"))
    assert run("check", "chat.opt").code == 1
    assert run("check", "chat.opt", "q.bits=8").code == 0
    assert run("check", "chat.opt", "q.bits=3").code == 2
    assert run("check", "chat.opt", "q.group=33").code == 1  # the recipe has a mistake of its own, besides


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
