"""Greedy continuations beside a reference's: counted until they part."""

from __future__ import annotations

import pytest

from infopt_compiler.artifacts import HFModel
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.generation.instrument import (
    Continuation,
    Generations,
    compare_generation,
)
from infopt_compiler.measure.records import MemoryRecords
from infopt_compiler.measure.text.quality import common_cut
from infopt_compiler.measure.text.windowing import CONTINUED, PROMPT
from infopt_compiler.runtimes.scorer import Scorer
from infopt_compiler.targets import TARGETS
from tests.measure.conftest import World
from tests.measure.test_evaluate import bound, run


def continuation(theirs: list[int], own: list[int], document: str = "d") -> Continuation:
    return Continuation.of((document, 0), (theirs, own), ("prompt", "a", "b"))


@pytest.mark.parametrize(
    ("theirs", "own", "equal", "tokens"),
    [
        ([1, 2, 3], [1, 2, 3], 3, 3),
        ([1, 2, 3], [1, 9, 3], 1, 3),  # equal again later: another text
        ([1, 2, 3], [1, 2], 2, 3),  # one ended
        ([], [], 1, 1),  # both ended at once
        ([], [4], 0, 1),
    ],
)
def test_tokens_count_until_the_first_that_differs(theirs, own, equal, tokens):
    found = continuation(theirs, own)
    assert (found.equal, found.tokens) == (equal, tokens)


def test_the_share_is_of_all_tokens_and_the_report_names_the_earliest():
    rows = tuple(continuation([1] * 10, [1] * k + [2] * (10 - k), f"d{k}") for k in range(1, 11))
    found = Generations("held", "base", rows)
    interval = found.interval(0.95, resamples=300, seed=0)
    assert interval.value == pytest.approx(0.55) and interval.low < 0.55 < interval.high
    told = found.to_json()
    assert (told["prompts"], told["identical"]) == (10, 1)
    assert told["first_differences"] == list(range(1, 10)) and told["worst"][0]["document"] == "d1"


@pytest.mark.slow
def test_an_export_writes_what_its_source_writes_and_another_model_does_not(world: World):
    """torch beside onnxruntime-genai: the same tokens, also where the model ends."""
    same = compare_generation(world.base, world.onnx, world.text, 4)
    other = compare_generation(world.base, world.slow, world.text, 4)
    assert [row.equal for row in same] == [row.tokens for row in same]
    assert all(row.tokens <= CONTINUED and row.prompt for row in same)
    assert sum(row.equal for row in other) < sum(row.tokens for row in other) / 4


@pytest.mark.slow
@pytest.mark.parametrize("other", ["onnx", "slow", "base"])
def test_one_forward_counts_what_writing_token_by_token_counts(world: World, tmp_path, other):
    subject = getattr(world, other)
    rows = compare_generation(world.base, subject, world.text, 6)
    text = common_cut(world.base, {"the subject": subject}, world.text, 6)
    with Scorer(world.base, tmp_path / "a") as base, Scorer(subject, tmp_path / "b") as own:
        for row, window in zip(rows, text.windows, strict=True):
            prompt = list(window.ids[: min(PROMPT, len(window.ids) // 2)])
            ids = tuple(side.ask({"generate": prompt, "most": CONTINUED})["ids"] for side in (base, own))
            slow = Continuation.of((window.document, window.start), ids, ("", "", ""))
            assert (row.equal, row.tokens) == (slow.equal, slow.tokens)


@pytest.mark.slow
def test_a_bound_on_it_is_judged_and_recorded(world: World):
    records, asked = MemoryRecords(), [bound("generation >= 99%", reference="base", on="held")]
    first, again = (run(world, asked, target=TARGETS["h100"], scenario=None, records=records) for _ in "ab")
    assert first.results[0].verdict.value == "met" and first.results == again.results
    assert first.breakdown["generations"]["held vs base"]["identical"] > 0


def test_what_is_no_model_generates_nothing(world: World):
    with pytest.raises(DiagnosticError) as caught:
        compare_generation(world.base, HFModel(world.text.path, "t"), world.text)
    assert caught.value.diagnostics[0].code == "E0904"
