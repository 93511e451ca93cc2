"""What each pass on the way did: measured where it can be, and said where not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infopt_compiler.artifacts import QuantizedModel
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.measure.attribution.attribute import steps
from infopt_compiler.measure.attribution.stages import Point, Stage, equals
from infopt_compiler.measure.evaluation import Evaluation
from infopt_compiler.measure.records import MemoryRecords
from infopt_compiler.measure.serving.machine_state import MachineState
from infopt_compiler.report.attributed import attributed, change
from infopt_compiler.report.html.attribution import _waterfall
from infopt_compiler.targets import TARGETS
from tests.measure.conftest import World
from tests.measure.test_evaluate import SETTINGS, bound, run
from tests.passes.export.models import write_quantized

FAST = replace(SETTINGS, seconds=1.0, min_blocks=2, requests=2, warmup=0, warmup_most=0, windows=4)


@pytest.fixture(scope="module")
def way(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[Stage]:
    """model → select (the same bytes) → quantize → export. What is quantized is the tiny model itself."""
    folder = write_quantized(world.base.path, tmp_path_factory.mktemp("q") / "q")
    quantized = QuantizedModel(folder, digest_folder(folder))
    return [
        Stage("model", "import", world.base, world.spec),
        Stage("base", "select", world.base, world.spec),
        Stage("q", "quantize", quantized, None),
        Stage("chat", "export", world.onnx, world.spec),
    ]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MachineState, "is_busy", False)
        yield


def found(world: World, way: list[Stage], **more: Any) -> Evaluation:
    bounds = [bound("tpot.p50 <= 10 s"), bound("kl.mean <= 1 nats", reference="base", on="held")]
    return run(world, bounds, **{"settings": FAST, "way": way, **more})


@pytest.fixture(scope="module")
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture(scope="module")
def measured(world: World, way: list[Stage], quiet: None, records: MemoryRecords) -> Evaluation:
    return found(world, way, records=records)


def by_step(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    return {step["name"]: step["values"] for step in evaluation.attribution["steps"]}


@pytest.mark.slow
def test_every_stage_has_its_size_and_quality(measured: Evaluation, world: World, way: list[Stage]) -> None:
    values = by_step(measured)
    assert [values[s.name]["size"]["after"] for s in way] == [s.artifact.size_bytes for s in way]
    assert values["base"]["kl.mean"]["after"] == 0.0
    assert values["q"]["kl.mean"]["after"] > values["chat"]["kl.mean"]["after"] >= 0
    kl = measured.value("kl.mean")
    assert kl is not None and values["chat"]["kl.mean"]["after"] == kl.value  # what the budget was judged by
    assert values["base"]["perplexity"]["before"] == values["base"]["perplexity"]["after"]


@pytest.mark.slow
def test_what_is_not_served_leaves_its_effect_to_the_next_step(measured: Evaluation) -> None:
    values = by_step(measured)
    assert values["q"]["tpot.p50"]["after"] is None and values["q"]["tpot.p50"]["basis"] == "not served"
    last = values["chat"]["tpot.p50"]
    assert last["before"] == values["base"]["tpot.p50"]["after"] and "together with `q`" in last["note"]
    assert last["low"] <= last["after"] <= last["high"] and "samples in 2 processes" in last["note"]
    assert values["base"]["memory.peak"]["after"] > values["chat"]["memory.peak"]["after"]  # torch
    json.dumps(measured.attribution, allow_nan=False)


@pytest.mark.slow
def test_again_it_costs_nothing(measured: Evaluation, world: World, way: list[Stage], records) -> None:
    again = found(world, way, records=records).attribution
    assert again["seconds"] < 1.0
    assert again["steps"] == measured.attribution["steps"]


@pytest.fixture
def unknown(way: list[Stage]) -> list[Stage]:
    """The same way with a quantized model that nobody has scored."""
    return [replace(s, artifact=replace(s.artifact, digest="new")) if s.name == "q" else s for s in way]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "why"),
    [({"attribution": False}, "measure.attribution=false"), ({"attribution_seconds": 0.0}, "time allowed")],
)
def test_nothing_is_started_when_off_or_out_of_time(
    measured: Evaluation, world: World, unknown, records, settings, why
) -> None:
    values = by_step(found(world, unknown, records=records, settings=replace(FAST, **settings)))
    assert why in values["q"]["kl.mean"]["note"]
    last = values["chat"]["kl.mean"]
    assert last["before"] == 0.0 and last["after"] is not None and "with `q`" in last["note"]


@pytest.mark.slow
def test_what_a_pass_proved_equal_is_scored_once(
    measured: Evaluation, world: World, unknown: list[Stage], records: MemoryRecords
) -> None:
    """No time is allowed, and nobody scored `q`: it has the quality of the artifact that was proven equal to it."""
    proven = [replace(s, proven=1e-4) if s.name == "chat" else s for s in unknown]
    values = by_step(found(world, proven, records=records, settings=replace(FAST, attribution_seconds=0.0)))
    assert values["q"]["kl.mean"]["after"] == values["chat"]["kl.mean"]["after"] > 0


def test_stages_that_are_proven_equal_share_one_digest(way: list[Stage]) -> None:
    base, q, chat = (way[k].artifact.digest for k in (1, 2, 3))
    proven = [*way[:3], replace(way[3], proven=1e-4)]
    assert equals(way, chat) == {base: base, q: q, chat: chat}
    assert equals(proven, chat) == {base: base, q: chat, chat: chat}
    assert equals(proven, "tuned") == {base: base, q: q, chat: q}


@pytest.mark.slow
def test_for_another_machine_speed_is_predicted(measured: Evaluation, world: World, way, records) -> None:
    values = by_step(found(world, way, records=records, target=TARGETS["h100"]))
    assert [values[s.name]["tpot.p50"]["basis"] for s in way] == ["predicted", "predicted", "not served", "predicted"]  # fmt: skip
    assert values["chat"]["kl.mean"]["basis"] == "measured"


P, M, N = "predicted", "measured", "not served"


@pytest.mark.parametrize(
    ("found", "befores", "shared"),
    [
        ([(9.0, M), (9.0, M), (None, N), (3.0, M)], [None, 9.0, 9.0, 9.0], {3: ["2"]}),
        ([(9.0, P), (9.0, P), (None, N), (3.0, P)], [None, 9.0, 9.0, 9.0], {3: ["2"]}),
        ([(9.0, P), (9.0, P), (None, N), (3.0, M)], [None, 9.0, 9.0, None], {}),
        ([(9.0, M), (0.3, P), (8.0, M), (7.0, M)], [None, None, 9.0, 8.0], {2: ["1"]}),
        ([(9.0, M), (0.3, P), (0.2, P), (7.0, M)], [None, None, 0.3, 9.0], {3: ["1", "2"]}),
        ([(0.3, P), (9.0, M), (0.2, P), (7.0, M)], [None, None, None, 9.0], {3: ["2"]}),
    ],
)
def test_a_predicted_value_is_never_held_against_a_measured_one(found, befores, shared) -> None:
    named = [Stage(str(number), "p", QuantizedModel(Path(), str(number)), None) for number in range(4)]
    rows = steps(named, {"tpot.p50": [Point(value, basis) for value, basis in found]})
    values = [row["values"]["tpot.p50"] for row in rows]
    assert [value["before"] for value in values] == befores
    assert {number: value["with"] for number, value in enumerate(values) if value["with"]} == shared
    told = {
        "name": "q",
        "pass": "p",
        "metrics": ["tpot.p50"],
        "seconds": 1.0,
        "limit_seconds": 2.0,
        "steps": rows,
    }
    ((_, _, cells, _),) = attributed({"attribution": {"chat": told}})
    figure = _waterfall("tpot.p50", rows)
    kinds = {basis for (value, basis), before in zip(found, befores, strict=True) if value and before}
    for cell, (value, basis), before in zip(cells, found, befores, strict=True):
        changed = value is not None and before not in (None, value)
        assert ("(" in cell[2]) is changed and cell[2].startswith("~") is (basis == P)
    assert (figure is None) is (not kinds)
    assert figure is None or M not in kinds or "predicted" not in figure.text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(100.0, 21.0, "−79%"), (10.0, 10.04, "+0.4%"), (1.0, 11.0, "×11"), (1.0, 0.996, "−0.4%")],
)
def test_a_change_in_words(before: float, after: float, text: str) -> None:
    assert change(before, after) == text
