"""`check -m` and `plan -m`: every job of a sweep by its overrides, and the worst exit code."""

from __future__ import annotations

import json

import pytest

from infopt_compiler.cli.job import objective
from infopt_compiler.cli.resolve import combinations, resolve
from infopt_compiler.diagnostics import Input
from tests.cli.conftest import RECIPE


def test_check_reports_every_job(run, builds, folder):
    ran = run("check", "chat.opt", "-m", "q.bits=4,8", "target=cpu,h100")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "job 0: q.bits=4 target=cpu: no mistakes",
        "job 1: q.bits=4 target=h100: no mistakes",
        "job 2: q.bits=8 target=cpu: no mistakes",
        "job 3: q.bits=8 target=h100: no mistakes",
    ]
    assert builds.configs == [] and not (folder / "outputs").exists()


def test_one_wrong_job_is_told_and_decides(run):
    ran = run("check", "chat.opt", "-m", "q.bits=4,5,8", "q.group=32")
    assert ran.code == 2
    assert ran.out.splitlines()[1] == "job 1: q.bits=5: 1 mistake"
    assert ran.err.count("error[E0305]") == 1


def test_what_is_wrong_in_all_jobs_is_told_once(run, folder):
    (folder / "chat.opt").write_text(RECIPE.replace("size <= 115 MB", "size <= 115 ms"))
    ran = run("check", "chat.opt", "-m", "q.bits=4,8")
    assert (ran.code, ran.err.count("error[E0302]")) == (1, 1)
    assert ran.out.count("1 mistake") == 2


def test_check_as_json(run):
    ran = run("check", "chat.opt", "-m", "q.bits=4,5", "--json")
    jobs = json.loads(ran.out)["jobs"]
    assert [(job["overrides"], job["errors"]) for job in jobs] == [(["q.bits=4"], 0), (["q.bits=5"], 1)]
    assert ran.code == 2


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("q.bits=choice(8,4)", ["q.bits=8", "q.bits=4"]),
        ("q.bits=range(4,9,4)", ["q.bits=4", "q.bits=8"]),
        ("q.bits=sort(8,4)", ["q.bits=4", "q.bits=8"]),
        ("q.bits=tag(a,choice(4,8))", ["q.bits=4", "q.bits=8"]),
        ("q.damp=range(0.25,0.8,0.25)", ["q.damp=0.25", "q.damp=0.5", "q.damp=0.75"]),
        ("target=glob(p5*)", ["target=p5_48xlarge", "target=p5_48xlarge_x2"]),
        ("target=glob(*48xlarge*,exclude=g*)", ["target=p5_48xlarge", "target=p5_48xlarge_x2"]),
        ("measure.seconds=5s,1min", ["measure.seconds=5s", "measure.seconds=1min"]),
        ("budget.onnx.size='100 MB','110 MB'", ["budget.onnx.size='100 MB'", "budget.onnx.size='110 MB'"]),
    ],
)
def test_every_way_to_name_values(word, values, run):
    assert [job.own[0] for job in combinations([word])] == values
    assert run("check", "chat.opt", "-m", word).out.count("no mistakes") == len(values)


def test_shuffled_values_are_the_values(run, builds):
    assert sorted(job.own[0] for job in combinations(["q.bits=shuffle(4,8)"])) == ["q.bits=4", "q.bits=8"]
    assert run("chat.opt", "-m", "q.bits=shuffle(range(4,9,4))").code == 0
    assert len(builds.configs) == 2


def test_what_hydra_tries_is_what_was_checked():
    """A function is written out: `shuffle` would otherwise be shuffled again, and `glob` knows no names there."""
    recipe = Input("chat.opt", RECIPE)
    resolved = resolve(recipe, ["target=glob(p5*)", "q.bits=sort(8,4)"], multirun=True)
    assert resolved.hydra == ("target='p5_48xlarge','p5_48xlarge_x2'", "q.bits=4,8")
    assert resolved.jobs == 4


def test_an_interval_reaches_a_sweeper_that_takes_it(monkeypatch):
    monkeypatch.setattr("infopt_compiler.config.hydra_words._is_installed", lambda module: True)
    words = ["hydra/sweeper=optuna", "q.damp=tag(log,interval(0.01,0.5))"]
    resolved = resolve(Input("chat.opt", RECIPE), words, multirun=True)
    assert "q.damp=tag(log,interval(0.01,0.5))" in resolved.hydra
    assert (resolved.jobs, resolved.swept) == (None, ("q.damp",))
    assert [job.own for job in combinations(words)] == [("q.damp=0.01",), ("q.damp=0.5",)]


def test_an_end_of_an_interval_is_checked(monkeypatch, run):
    monkeypatch.setattr("infopt_compiler.config.hydra_words._is_installed", lambda module: True)
    ran = run("check", "chat.opt", "-m", "hydra/sweeper=optuna", "q.damp=interval(0.01,500)")
    assert ran.code == 2 and "E0304" in ran.err


def _report(folder, *bounds):
    keys = ("value", "limit", "operator", "severity")
    (folder / "report.json").write_text(
        json.dumps({"bounds": [dict(zip(keys, b, strict=True)) for b in bounds]})
    )


def test_what_a_sweeper_minimizes_is_the_worst_bound(tmp_path):
    assert objective(tmp_path) == float("inf")
    _report(tmp_path, (90.0, 100.0, "<=", "error"), (40.0, 50.0, ">=", "error"), (9.0, 1.0, "<=", "warn"))
    assert objective(tmp_path) == 1.25
    _report(tmp_path, (90.0, 100.0, "<=", "error"), (None, 100.0, "<=", "error"))
    assert objective(tmp_path) == float("inf")


@pytest.mark.parametrize(
    ("value", "limit", "operator", "expected"),
    [
        (-0.1, 0.05, ">=", float("inf")),
        (0.0, 0.05, ">=", float("inf")),
        (0.0, 0.05, "<=", 0.0),
        (0.1, 0.0, "<=", 1.1),
        (-0.3, -0.1, ">=", 1.2),
        (-0.3, -0.1, "<=", 0.8),
        (0.1, 0.0, ">=", 0.9),
    ],
)
def test_a_worse_value_is_never_better_whatever_the_signs(tmp_path, value, limit, operator, expected):
    _report(tmp_path, (value, limit, operator, "error"))
    assert objective(tmp_path) == pytest.approx(expected)


def test_plan_reports_every_job(run, folder):
    recipe = RECIPE.replace("pypi:small==1#model.gguf", "file:tiny.json")
    (folder / "chat.opt").write_text(recipe)
    (folder / "tiny.json").write_text(json.dumps(CONFIG))
    words = ("plan", "chat.opt", "-m", "q.bits=4,5,8", "target=h100", "--predict-only")
    ran = run(*words)
    heads = [line for line in ran.out.splitlines() if line.startswith("job ")]
    assert heads == ["job 0: q.bits=4", "job 1: q.bits=5", "job 2: q.bits=8"]
    assert (ran.out.count("plan of chat on h100"), ran.err.count("error[E0305]"), ran.code) == (2, 1, 2)
    jobs = json.loads(run(*words, "--json").out)["jobs"]
    assert [(job["overrides"], job["exit_code"] == 2) for job in jobs] == [
        (["q.bits=4"], False),
        (["q.bits=5"], True),
        (["q.bits=8"], False),
    ]
    assert not (folder / "outputs").exists()


CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 256,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
}
