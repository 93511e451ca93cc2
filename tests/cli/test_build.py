"""Builds through Hydra: overrides arrive, jobs are judged, folders are apart."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from infopt_compiler.cli.jobs import worst
from infopt_compiler.config import measure_settings


def _only(builds):
    (config,), (program,) = builds.configs, builds.programs
    return config, program


def test_a_build_reaches_the_pipeline(run, builds, folder):
    ran = run("chat.opt")
    _, program = _only(builds)
    assert ran.code == 0
    assert program.recipe == "chat"
    assert program.nodes["q"].parameters == {"method": "gptq", "bits": 4, "group": 32}
    assert (folder / "outputs/chat/latest/report.json").is_file()
    assert (folder / "outputs/chat/latest/recipe.opt").read_text() == (folder / "chat.opt").read_text()


def test_overrides_of_every_kind(run, builds):
    ran = run(
        "chat.opt",
        "q.bits=8",
        "+q.damp=0.02",
        "target=h100",
        "target.memory=8GiB",
        "measure.confidence=0.99",
        "scenario.assistant.prompt=64 tokens",
        "calib.sample=8",
        "budget.onnx.ttft.p95=300ms",
        "budget.onnx.perplexity=105%",
        "~budget.onnx.size",
        "engine.threads=1",
        "hydra/launcher=basic",
    )
    assert ran.code == 0, ran.err
    config, program = _only(builds)
    assert program.nodes["q"].parameters == {"method": "gptq", "bits": 8, "group": 32, "damp": 0.02}
    assert (config.target.name, config.target.memory, config.engine.threads) == ("h100", "8 GiB", 1)
    assert measure_settings(config).confidence == 0.99
    assert program.scenarios["assistant"].prompt == 64
    assert program.data["calib"].spec.sample == 8
    ttft, perplexity = program.budgets["onnx"].bounds
    assert (str(ttft.limit), ttft.operator.value) == ("300 ms", "<=")
    assert (str(perplexity.limit), perplexity.relative_to, perplexity.on) == ("105%", "base", "heldout")


def test_a_job_points_at_the_recipe_and_at_the_override(run, builds):
    run("chat.opt", "q.bits=8")
    _, program = _only(builds)
    spans = program.nodes["q"].spans
    assert str(spans["group"]) == "chat.opt:9:53"
    assert (spans["bits"].input.text, spans["bits"].text) == ("q.bits=8", "8")


def test_options_travel_in_the_configuration(run, builds, folder):
    run("chat.opt", "--predict-only", "--locked", "--remeasure", "--cache", "store", "-v", "--traceback")
    engine = builds.configs[0].engine
    assert (engine.predict_only, engine.locked, engine.remeasure, engine.traceback) == (True,) * 4
    assert (engine.cache, engine.verbosity, engine.color) == (str(folder / "store"), 1, False)


@pytest.mark.parametrize(
    "source",
    ["file:a b/c,d", "file:it's", 'file:"x"', "file:$HOME/x", "file:a\\b", "file:a=b", "file:[x](y)"],
)
def test_texts_arrive_as_they_are(source, run, builds, folder):
    (folder / source.removeprefix("file:")).mkdir(parents=True)
    quote = "'" if '"' in source else '"'
    ran = run("chat.opt", f"small.source={quote}{source}{quote}")
    assert ran.code == 0, ran.err
    assert _only(builds)[1].models["small"].source == source


@pytest.mark.parametrize(("verdict", "code"), [("met", 0), ("missed", 3), ("inconclusive", 4), ("failed", 1)])
def test_the_verdict_is_the_exit_code(verdict, code, run, builds):
    builds.verdicts[4] = verdict
    assert run("chat.opt").code == code


def test_a_missing_report_is_a_failure(run, builds):
    builds.verdicts[4] = "silent"
    ran = run("chat.opt")
    assert ran.code == 1
    assert "[E0556]" in ran.err


def test_an_internal_error_is_one_line_and_a_log(run, builds, folder):
    builds.verdicts[4] = "raise"
    ran = run("chat.opt")
    assert ran.code == 1
    assert "please report it" in ran.err
    assert "Traceback" not in ran.err
    assert "RuntimeError: a bug" in (folder / "outputs/chat/latest/log.txt").read_text()
    assert json.loads((folder / "outputs/chat/latest/report.json").read_text())["verdict"] == "failed"


def test_traceback_on_request(run, builds):
    builds.verdicts[4] = "raise"
    assert "RuntimeError: a bug" in run("chat.opt", "--traceback").err.split("Traceback")[1]


def test_a_sweep_runs_all_jobs_and_the_worst_decides(run, builds, folder):
    builds.verdicts[4] = "failed"
    ran = run("chat.opt", "-m", "q.bits=4,8", "q.group=64")
    assert ran.code == 1
    bits = [program.nodes["q"].parameters["bits"] for program in builds.programs]
    assert bits == [4, 8]
    assert all(config.q.group == 64 for config in builds.configs)
    assert sorted(path.name for path in (folder / "outputs/chat/latest").glob("[0-9]*")) == ["0", "1"]
    assert "q.bits=4" in ran.out
    assert "1 failed, 1 met" in ran.out


def test_a_job_that_breaks_does_not_end_the_sweep(run, builds):
    builds.verdicts[4] = "raise"
    assert run("chat.opt", "-m", "q.bits=4,8").code == 1
    assert len(builds.configs) == 2


def test_a_sweep_over_groups_texts_and_functions(run, builds):
    ran = run(
        "chat.opt", "-m", "target=cpu,h100", "budget.onnx.ttft.p95=300ms,400 ms", "q.group=choice(32,64)"
    )
    assert ran.code == 0, ran.err
    seen = {(c.target.name, c.budget.onnx.ttft.p95, c.q.group) for c in builds.configs}
    assert len(seen) == 8
    assert ("h100", "400 ms", 64) in seen


def test_one_value_with_m_is_a_sweep_of_one_job(run, builds, folder):
    assert run("chat.opt", "-m", "q.bits=8").code == 0
    assert (folder / "outputs/chat/latest/0/report.json").is_file()


def test_steps_to_do_again_travel_in_the_configuration(run, builds):
    """Several times, with commas, in a sweep: its jobs have one beginning."""
    before = time.time()
    assert run("-m", "chat.opt", "--rebuild", "q", "--rebuild", "base,prose", "q.bits=4,8").code == 0
    first, second = (config.engine for config in builds.configs)
    assert list(first.rebuild) == list(second.rebuild) == ["q", "base", "prose"]
    assert before <= first.since == second.since <= time.time()


@pytest.mark.parametrize("verb", ["build", "plan"])
def test_a_step_to_do_again_is_one_of_the_recipe(verb, run, builds):
    ran = run(verb, "chat.opt", "--rebuild", "onx", "--rebuild", "q")
    assert ran.code == 2 and builds.configs == []
    assert "`onx` is no binding that is made" in ran.err and "did you mean `onnx`?" in ran.err


def test_what_only_the_model_makes_wrong_fails_that_job(run, builds, folder):
    """A group of 64 is a value that the parameter takes, but it does not divide this model's 96 inputs."""
    shape = {"num_hidden_layers": 1, "hidden_size": 96, "intermediate_size": 192, "num_attention_heads": 3}
    names = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 64}
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text(json.dumps({**shape, **names}))
    ran = run("chat.opt", "-m", "small.source=file:model", "q.group=32,64")
    assert ran.code == 1
    assert len(builds.configs) == 1
    report = json.loads((folder / "outputs/chat/latest/1/report.json").read_text())
    assert report["verdict"] == "failed"
    assert report["diagnostics"][0]["code"].startswith("E04")


def test_two_runs_in_one_second_have_folders_of_their_own(folder, builds):
    from infopt_compiler.cli.rundir import create_run_dir
    from infopt_compiler.diagnostics import Input

    with ThreadPoolExecutor(8) as pool:
        folders = list(
            pool.map(lambda _: create_run_dir(folder / "outputs", "chat", Input("chat.opt", "x")), range(16))
        )
    assert len(set(folders)) == 16
    assert (folder / "outputs/chat/latest").resolve() in folders


def test_outputs_elsewhere(run, builds, folder):
    assert run("chat.opt", "--outputs", "else where").code == 0
    assert (folder / "else where/chat/latest/report.json").is_file()
    assert not (folder / "outputs").exists()


def test_a_folder_that_cannot_be_made(run, builds, folder):
    (folder / "outputs").write_text("a file")
    ran = run("chat.opt")
    assert ran.code == 1
    assert "[E0555]" in ran.err


def test_cfg_job_prints_the_composed_configuration(run, builds, folder):
    ran = run("chat.opt", "--cfg", "job", "q.bits=8", "-p", "q")
    assert ran.code == 0
    assert "bits: 8" in ran.out
    assert not (folder / "outputs").exists()


@pytest.mark.parametrize(
    "words", [["--cfg=all"], ["-c", "hydra"], ["--cfg", "job", "--resolve"], ["--info", "defaults"], ["-i"]]
)
def test_hydra_shows_what_it_knows(words, run, builds):
    ran = run("chat.opt", *words)
    assert ran.code == 0, ran.err
    assert "hydra" in ran.out or "target:" in ran.out
    assert builds.configs == []


def test_options_may_stand_before_the_recipe(run, builds):
    assert run("-m", "--outputs", "o", "chat.opt", "q.bits=4,8").code == 0
    assert len(builds.configs) == 2


def test_hydra_writes_nothing_of_its_own(run, builds, folder):
    ran = run("chat.opt")
    names = {path.name for path in (folder / "outputs/chat/latest").iterdir()}
    assert names == {"report.json", "recipe.opt"}
    assert (ran.out, ran.err) == ("", "")


def test_a_job_reads_the_recipe_as_it_was(run, builds, folder):
    """The recipe changes while the sweep runs: later jobs still build what was checked."""
    back = builds.back

    def edit(program, config, invocation):
        (folder / "chat.opt").write_text("not a recipe")
        back(program, config, invocation)

    from infopt_compiler.cli import build

    build._pipeline_back = edit
    assert run("chat.opt", "-m", "q.bits=4,8").code == 0


def test_an_interrupt_ends_with_130(run, monkeypatch):
    from infopt_compiler.cli import build

    def back(program, config, invocation):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_pipeline_back", back)
    ran = run("chat.opt")
    assert ran.code == 130
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("codes", "exit_code"), [([0, 3], 3), ([3, 1, 0], 1), ([4, 0], 4), ([4, 3], 3), ([0, 0], 0), ([], 1)]
)
def test_worst(codes, exit_code):
    assert worst(codes) == exit_code


def _recipe_with(folder, old, new):
    (folder / "chat.opt").write_text((folder / "chat.opt").read_text().replace(old, new))


@pytest.mark.parametrize("words", [["width=8"], ["-m", "width=4,8"]])
def test_a_let_can_be_overridden(words, run, builds, folder):
    _recipe_with(folder, "base = select", "let width = 4\nbase = select")
    _recipe_with(folder, "bits = 4", "bits = width")
    ran = run("chat.opt", *words)
    assert ran.code == 0, ran.err
    assert builds.programs[-1].nodes["q"].parameters["bits"] == 8


@pytest.mark.parametrize(
    "words", [["budget.onnx.throughput=90 tok/s"], ["-m", "budget.onnx.throughput=80 tok/s,90 tok/s"]]
)
def test_a_bound_on_a_value_beside_a_bound_on_its_part(words, run, builds, folder):
    _recipe_with(
        folder, "    size <= 115 MB\n", "    throughput >= 50 tok/s\n    throughput.total >= 150 tok/s\n"
    )
    ran = run("chat.opt", *words)
    assert ran.code == 0, ran.err
    bounds = {bound.metric: str(bound.limit) for bound in builds.programs[-1].budgets["onnx"].bounds}
    assert (bounds["throughput"], bounds["throughput.total"]) == ("90 tok/s", "150 tok/s")


def test_overriding_twice_the_last_wins(run, builds):
    assert run("chat.opt", "q.bits=4", "q.bits=8").code == 0
    assert _only(builds)[1].nodes["q"].parameters["bits"] == 8


def test_a_sweep_of_texts(run, builds, folder):
    for name in ("a b", "c,d"):
        (folder / name).mkdir()
    ran = run("chat.opt", "-m", 'small.source="file:a b","file:c,d"')
    assert ran.code == 0, ran.err
    sources = [program.models["small"].source for program in builds.programs]
    assert sources == ["file:a b", "file:c,d"]


@pytest.mark.slow
def test_jobs_in_parallel_with_ray(run, builds, folder):
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    builds.verdicts[8] = "missed"
    ran = run("chat.opt", "-m", "q.bits=4,8", "hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2")
    assert ran.code == 3, ran.err
    assert len(list((folder / "outputs/chat/latest").glob("*/report.json"))) == 2


@pytest.mark.parametrize("name", ["a b", "$x", "a,b", "a'b", "a=b", "ü", "a\\d"])
def test_a_folder_of_any_name(name, run, builds, folder, monkeypatch):
    place = folder / name
    place.mkdir()
    (place / "chat.opt").write_text((folder / "chat.opt").read_text())
    monkeypatch.chdir(place)
    assert run("chat.opt", "-m", "q.bits=4,8").code == 0
    assert (place / "outputs/chat/latest/1/report.json").is_file()


def test_a_folder_that_hydra_cannot_name(run, builds):
    ran = run("chat.opt", "--outputs", "$" + "{x}")
    assert (ran.code, builds.configs) == (2, [])


def test_a_current_folder_that_hydra_cannot_name(run, builds, folder, monkeypatch):
    place = folder / "${x}"
    place.mkdir()
    (place / "chat.opt").write_text((folder / "chat.opt").read_text())
    monkeypatch.chdir(place)
    ran = run("chat.opt")
    assert ran.code == 1
    assert "[E0555]" in ran.err
    assert run("chat.opt", "--outputs", str(folder / "o")).code == 0


def test_latest_is_the_refusal_and_not_the_build_before(run, builds, folder):
    """What a workflow posts, of a recipe with a mistake, of one that went, and of one that never was."""
    assert run("chat.opt").code == 0
    built = (folder / "outputs/chat/latest").resolve()
    (folder / "chat.opt").write_text((folder / "chat.opt").read_text().replace("bits = 4", "bitz = 4"))
    ran = run("chat.opt", "--format", "github")
    latest = folder / "outputs/chat/latest"
    assert ran.code == 1 and latest.resolve() != built
    assert "did you mean `bits`?" in (latest / "report.md").read_text("utf-8")
    assert 'line="9"' in (latest / "junit.xml").read_text("utf-8") and (latest / "report.html").is_file()
    (line,) = ran.out.splitlines()
    assert line.startswith("::error file=chat.opt,line=9,col=") and "title=E0203::" in line
    assert run("check", "chat.opt", "--format", "github").out.splitlines() == [line]
    (folder / "chat.opt").unlink()
    assert run("chat.opt").code == 1
    assert "there is no recipe" in (latest / "report.md").read_text("utf-8")
    assert run("chatt.opt").code == 1 and not (folder / "outputs/chatt").exists()


def test_a_job_that_ends_in_a_bug_has_every_file_of_a_report(run, builds, folder):
    builds.verdicts[4] = "raise"
    assert run("chat.opt").code == 1
    for name in ("report.md", "report.html", "junit.xml", "report.json"):
        assert "RuntimeError: a bug" in (folder / "outputs/chat/latest" / name).read_text("utf-8")


def test_a_sweep_tells_its_jobs_the_best_and_has_one_report(run, builds, folder):
    ran = run("chat.opt", "-m", "q.bits=4,8", "q.group=64")
    assert [line for line in ran.err.splitlines() if line.startswith("job ")] == [
        "job 0 of 0 to 1: q.bits=4",
        "job 1 of 0 to 1: q.bits=8",
    ]
    assert "best: job 0 (q.bits=4): met" in ran.out
    latest = folder / "outputs/chat/latest"
    assert "| 1 | `q.bits=8` | met |" in (latest / "report.md").read_text("utf-8")
    assert (latest / "junit.xml").read_text("utf-8").count("<testsuite ") == 2
    assert run("report", "outputs/chat/latest").out.count("best: job 0") == 1


def test_an_override_by_an_older_spelling_sets_the_parameter_of_today(run, builds, folder):
    recipe = folder / "chat.opt"
    recipe.write_text(
        recipe.read_text().replace(
            "onnx = export(q)", "onnx = export(q)\nparts = shard(base, floats = bfloat16)"
        )
    )
    one = run("chat.opt", "parts.floats=float32")
    assert one.code == 0 and "E0216" in one.err, one.err
    assert run("chat.opt", "-m", "parts.floats=float32,bfloat16").code == 0
    assert [config.parts.dtype.value for config in builds.configs] == ["float32", "float32", "bfloat16"]
