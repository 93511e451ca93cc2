"""Tasks answered by the artifact that ships. Skipped where the extra `lm-eval` is not installed."""

from __future__ import annotations

from functools import cache

import pytest

pytest.importorskip("lm_eval", reason="the extra `lm-eval` is not installed")

import torch
from transformers import AutoModelForCausalLM

from infopt_compiler.artifacts import Artifact, DataSpec, HFModel, TaskData
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.records import MemoryRecords
from infopt_compiler.measure.tasks import instrument as tasks_judged
from infopt_compiler.measure.tasks.answers import TaskResult, score_task
from infopt_compiler.measure.text.windowing import load_tokenizer
from infopt_compiler.sources.load import load_data
from infopt_compiler.sources.task_folder import open_task
from infopt_compiler.targets import TARGETS
from tests.measure.conftest import World
from tests.measure.test_evaluate import bound, run
from tests.sources.tasks import CHOICES, write_tasks

pytestmark = pytest.mark.slow


@cache
def answers(artifact: Artifact, task: TaskData) -> TaskResult:
    """Once for all tests: a process that imports lm-eval and one of the model each time."""
    return score_task(artifact, task)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> dict[str, TaskData]:
    root = tmp_path_factory.mktemp("tasks")
    write_tasks(root)
    found = {}
    for name in ("choice", "written", "last"):
        folder = root / name
        folder.mkdir()
        load_data(f"lm-eval:tasks#{name}", root, "text", (0.0, 1.0), DataSpec(), folder, lambda *_: None)
        found[name] = TaskData(folder, digest_folder(folder))
    return found


def by_hand(world: World) -> tuple[list[float], list[float]]:
    """Of each document whether the likeliest choice is right; and the same per character."""
    model = AutoModelForCausalLM.from_pretrained(world.base.path, dtype=torch.float32)
    tokenizer = load_tokenizer(world.base.path)
    vocabulary = tokenizer.get_vocab_size(with_added_tokens=True)
    right, normed = [], []
    for k in range(12):
        context = f"Question: Which word is number {k}?\nAnswer:"
        given = tokenizer.encode(context).ids
        sums = []
        for choice in CHOICES:
            ids = tokenizer.encode(f"{context} {choice}").ids
            with torch.inference_mode():
                logits = model(torch.tensor([ids])).logits[0, :, :vocabulary].double()
            log_p = torch.log_softmax(logits, -1)
            sums.append(sum(float(log_p[at - 1, ids[at]]) for at in range(len(given), len(ids))))
        each = [value / len(choice) for value, choice in zip(sums, CHOICES, strict=True)]
        right.append(float(sums.index(max(sums)) == k % 3))
        normed.append(float(each.index(max(each)) == k % 3))
    return right, normed


def test_choices_are_weighed_as_torch_weighs_them(world: World, tasks):
    right, normed = by_hand(world)
    for artifact in (world.base, world.onnx):
        found = answers(artifact, tasks["choice"])
        assert found.scores("accuracy") == right and found.scores("accuracy.norm") == normed
    assert 0 < sum(right) < 12 and found.metrics == ("accuracy", "accuracy.norm")
    assert found.rows[3].document == 3 and "number 3?" in found.rows[3].excerpt
    assert found.versions["lm-eval"] and found.versions["onnxruntime-genai"]


@pytest.mark.parametrize("name", ["written", "last"])
def test_answers_are_written_alike_by_torch_and_onnx(world: World, tasks, name):
    mine, theirs = (answers(artifact, tasks[name]) for artifact in (world.onnx, world.base))
    assert mine.rows == theirs.rows and len(mine.rows) == 12 and mine.metrics == ("accuracy",)


def test_what_is_written_ends_at_the_stop(world: World, tasks):
    from infopt_compiler.measure.tasks.harness_model import ServedModel

    class Scorer:
        def __init__(self):
            self.ready, self.asked = {"encodes": False}, []

        def ask(self, command):
            self.asked.append(command["generate"])
            return {"ids": tokenizer.encode("gamma\nand more words than that" * 9).ids[: command["most"]]}

    tokenizer = load_tokenizer(world.base.path)
    scorer = Scorer()
    model = ServedModel(scorer, world.base.path, lambda done: None)
    with open_task(tasks["written"].path) as opened:
        assert model.generate_until(opened.task.instances[:1]) == ["gamma"]
    assert len(scorer.asked) == 1 and model.max_length == 512


def test_a_bound_is_judged_against_the_reference_and_recorded(world: World, tasks, monkeypatch):
    monkeypatch.setattr(tasks_judged, "score_task", lambda artifact, task, **_: answers(artifact, task))
    records = MemoryRecords()
    bounds = [
        bound("accuracy >= 95%", relative_to="base", on="choice"),
        bound("accuracy <= 90%", on="choice"),
        bound("accuracy.norm >= 99%", on="choice"),
    ]
    arguments = {"target": TARGETS["h100"], "scenario": None, "records": records, "tasks": tasks}
    first, again = (run(world, bounds, **arguments) for _ in "ab")
    assert first.results == again.results and len(records._kept) == 2
    same, share, _ = first.results
    assert same.ratio == 1.0 and same.interval.low < same.interval.value  # twelve documents show little
    assert share.interval.samples == 12
    told = first.breakdown["tasks"]["choice"]
    assert told["documents"] == 12 and told["lost"] == {"base": []}


def test_a_metric_that_the_task_lacks_is_told_before_anything_is_asked(world: World, tasks):
    with pytest.raises(DiagnosticError) as wrong:
        run(world, [bound("accuracy.norm >= 40%", on="last")], scenario=None, tasks=tasks)
    assert wrong.value.diagnostics[0].code == "E0909"


def test_a_folder_that_is_no_model(world: World, tasks):
    with pytest.raises(DiagnosticError) as wrong:
        score_task(HFModel(world.text.path, "t"), tasks["choice"])
    assert wrong.value.diagnostics[0].code in ("E0905", "E0908")
