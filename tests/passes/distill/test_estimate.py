"""The estimate beside what whole builds took, and how it moves with what is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infopt_compiler.artifacts import DataSpec, ModelSpec
from infopt_compiler.artifacts.model_spec import WeightFormat
from infopt_compiler.passes.base import Estimate
from infopt_compiler.passes.distill import Distill
from infopt_compiler.passes.distill.estimate import decoder_seconds
from infopt_compiler.passes.distill.parameters import Precision, Preset, Source
from infopt_compiler.passes.distill.work import Work
from infopt_compiler.passes.quantize.estimate import disk_bytes
from infopt_compiler.targets.model import Target
from tests.passes.quantize.test_quantize import SMOLLM2

# Two cores of an AMD EPYC, as probed where the builds ran.
EPYC = Target("here", 25.3e9, 56.36e9, 206.0e9, 0.1, 2, here=True)
HELD = {"heldout": (DataSpec(512, 16),), "other": (DataSpec(512),)}
DOCSTRINGS = {"text": (DataSpec(256, 160),) * 4, **HELD}
GROUPS = WeightFormat(4, 64)
QUANTIZED = replace(SMOLLM2, linear=GROUPS, head=GROUPS, embedding=WeightFormat(8, 64))


def settings(**given: Any) -> Distill:
    return Distill(**{"layers": 20, "tokens": "155648 tokens", "precision": Precision.bfloat16, **given})


def estimate(
    data: dict[str, tuple[DataSpec, ...]] = DOCSTRINGS, student: ModelSpec | None = None, **given: Any
) -> Estimate:
    specs = {"teacher": SMOLLM2} | ({"student": student} if student is not None else {})
    return settings(**given).estimate_inputs(specs, data, EPYC)


def stages(**given: Any) -> dict[str, float]:
    asked = settings(**given)
    return decoder_seconds(asked, SMOLLM2, asked.transform(SMOLLM2), Work.of(asked, DOCSTRINGS), EPYC)


def test_recipes_smollm2_small_as_it_was_built() -> None:
    found = estimate()
    assert found.seconds == pytest.approx(1771.7, rel=0.25)
    assert found.peak_rss_bytes < 10_157_391_872 / 2  # healing held the outcomes of all its tokens then
    assert found.disk_bytes == pytest.approx(400_001_505, rel=0.25)


@pytest.mark.parametrize(
    ("stage", "taken"),
    [("preparing", 749.8), ("distilled", 464.5), ("control", 421.3), ("judging", 122.8), ("timing", 9.7)],
)
def test_each_stage_of_it(stage: str, taken: float) -> None:
    assert stages()[stage] == pytest.approx(taken, rel=0.25)


def test_windows_of_the_samples_are_counted_as_the_run_counts_them() -> None:
    work = Work.of(settings(), DOCSTRINGS)
    assert (work.windows, work.apart, work.steps, work.looks) == (608, 16, 76, 5)
    assert work.read == 155_648 + 16 * 256


def test_more_tokens_take_longer_and_no_more_memory() -> None:
    less, more = estimate(tokens="100000 tokens"), estimate(tokens="300000 tokens")
    assert less.seconds < more.seconds < 3 * less.seconds
    assert less.peak_rss_bytes == more.peak_rss_bytes


def test_a_student_of_more_layers_is_found_sooner_and_trained_longer() -> None:
    few, many = stages(layers=10), stages(layers=25)
    assert few["distilled"] < many["distilled"]
    assert few["judging"] < many["judging"]
    assert estimate(layers=10).disk_bytes < estimate(layers=25).disk_bytes


def test_processes_share_the_cores_and_pay_for_sums() -> None:
    one, two = stages(), stages(world_size=2)
    assert one["distilled"] < two["distilled"] < 1.5 * one["distilled"]
    assert two["processes"] > 0
    assert stages(world_size=2, fsdp=True)["distilled"] < two["distilled"]


def test_weights_spread_over_processes_take_less_memory_in_each() -> None:
    """What is larger before the training hides it, so a student of the same width and no layer to find is asked for."""
    whole, spread = (
        estimate(layers=None, student=SMOLLM2, world_size=4, fsdp=spread) for spread in (False, True)
    )
    assert spread.peak_rss_bytes < whole.peak_rss_bytes


def test_text_that_a_model_writes_costs_its_writing() -> None:
    text, teacher, student = (
        stages(source=source) for source in (Source.text, Source.teacher, Source.student)
    )
    assert teacher["preparing"] > text["preparing"]
    assert teacher["distilled"] == text["distilled"]
    assert student["distilled"] > text["distilled"]
    assert student["control"] == text["control"]
    assert stages(source=Source.teacher, share="100%")["preparing"] > teacher["preparing"]


def test_head_and_embedding_cost_more_where_they_are_trained() -> None:
    assert stages(train_embeddings=True)["distilled"] > stages()["distilled"]


def test_float32_takes_longer() -> None:
    assert stages(precision=Precision.float32)["distilled"] > 1.4 * stages()["distilled"]


def test_a_quantized_student_pays_for_its_grid_and_is_as_large_as_it_was() -> None:
    given: dict[str, Any] = {"layers": None, "train_embeddings": True, "batch": 4}
    floats, integers = (estimate(student=student, **given) for student in (SMOLLM2, QUANTIZED))
    assert integers.seconds > floats.seconds
    assert integers.peak_rss_bytes > floats.peak_rss_bytes
    assert integers.disk_bytes == disk_bytes(SMOLLM2, QUANTIZED) < floats.disk_bytes


@pytest.mark.parametrize(
    ("steps", "tables", "taken"),
    [(16, True, 124.5), (24, True, 169.3), (24, False, 114.5), (24, False, 123.3)],
)
def test_loops_on_the_grid_as_they_ran(steps: int, tables: bool, taken: float) -> None:
    """Steps of four windows of 256 tokens, a look at six windows of 512 every eight of them."""
    asked = settings(layers=None, train_embeddings=tables, batch=4)
    work = replace(Work.of(asked, DOCSTRINGS), steps=steps, looks=1 + steps // 8, apart=12)
    found = decoder_seconds(asked, SMOLLM2, QUANTIZED, work, EPYC)["distilled"]
    assert found == pytest.approx(taken, rel=0.25)


def test_quick_is_estimated_as_quick() -> None:
    quick = estimate(preset=Preset.quick)
    assert quick.seconds < estimate().seconds / 5
    assert quick.peak_rss_bytes < estimate().peak_rss_bytes


def test_only_what_is_made_from_the_teacher_is_searched_for() -> None:
    made, given = stages(), stages(layers=None)
    assert given["preparing"] < made["preparing"] / 2
