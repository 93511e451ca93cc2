"""Selecting among tiny Llamas whose order is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.select import Select
from infopt_compiler.passes.select.choose import Candidate, Gain, Step
from infopt_compiler.passes.select.requirement import parse_requirement
from infopt_compiler.passes.select.run import Entry, meeting_requirements, step_facts
from tests.passes.select.context import HERE, context
from tests.passes.select.models import prose, small, widened, write_text


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("candidates")
    base = small(root / "small")
    return {
        "small": base,
        "trained": widened(base.path, root / "trained", steps=40),
        "untrained": widened(base.path, root / "untrained", steps=0),
    }


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("text") / "heldout", prose(12))


def run(tmp_path, candidates, on=None, target=HERE, **parameters):
    ctx = context(tmp_path / f"run{len(list(tmp_path.iterdir()))}", target)
    facts = Select(**parameters).run(ctx, candidates=tuple(candidates), on=on)
    return ctx, facts


def test_one_candidate_is_linked_without_measuring(tmp_path, models):
    ctx, facts = run(tmp_path, [models["small"]])
    linked, source = ctx.staging / "model.safetensors", models["small"].path / "model.safetensors"
    assert linked.samefile(source) and source.stat().st_nlink >= 2
    assert "without measuring" in facts["reason"] and facts["candidates"][0]["values"] == {}
    assert ModelSpec.from_folder(ctx.staging) == ModelSpec.from_folder(models["small"].path)


@pytest.mark.slow
def test_a_larger_candidate_is_taken_for_its_gain_only(tmp_path, models, text):
    order = ["untrained", "small", "trained"]
    ctx, facts = run(tmp_path, [models[name] for name in order], on=text)
    assert (ctx.staging / "model.safetensors").samefile(models["trained"].path / "model.safetensors")
    assert facts["chosen"].startswith("candidate 3")
    without, gained = facts["comparisons"]  # the smallest is compared with both larger ones
    assert without["kept"].startswith("candidate 2") and not without["taken"]
    assert gained["kept"].startswith("candidate 2") and gained["taken"] and gained["interval"][0] > 0.02
    values = [row["values"]["bits_per_byte"]["value"] for row in facts["candidates"]]
    assert values[2] < min(values[:2])


def test_who_misses_a_requirement_is_left_out(tmp_path, models):
    requirements = [parse_requirement("perplexity <= 18")]

    def entry(label, perplexity):
        return Entry(Candidate(label, 1, 1, 1, {"perplexity": perplexity}), models["small"], 1.0)

    entries = [entry("a", 20.0), entry("b", 18.0), entry("c", 27.0)]
    assert [e.candidate.label for e in meeting_requirements(entries, requirements)] == ["b"]
    with pytest.raises(PassError) as failure:
        meeting_requirements([entries[0], entries[2]], requirements)
    assert str(failure.value).splitlines() == [
        "no candidate meets perplexity <= 18:",
        "  a: perplexity is 20, 11.1% beyond 18",
        "  c: perplexity is 27, 50.0% beyond 18",
    ]


@pytest.mark.slow
def test_none_that_meets_the_requirements_is_an_error_with_a_table(tmp_path, models, text):
    with pytest.raises(PassError) as failure:
        run(tmp_path, [models["small"]], on=text, require=["perplexity <= 2", "size <= 1 GB"])
    assert failure.value.code == "E0741"
    assert "candidate 1" in str(failure.value) and "beyond 2" in str(failure.value)


def test_what_cannot_fit_is_refused_with_its_numbers(tmp_path, models):
    tight = replace(HERE, memory_bytes=1e6 + HERE.runtime_bytes)
    with pytest.raises(PassError, match=r"no candidate fits the 121 MB of target `cpu`") as failure:
        run(tmp_path, [models["small"], models["trained"]], target=tight)
    assert failure.value.code == "E0740" and str(failure.value).count("needs") == 2


def test_one_that_fits_among_others_that_do_not(tmp_path, models):
    sizes = {name: ModelSpec.from_folder(model.path).parameters for name, model in models.items()}
    room = (sizes["small"] + sizes["trained"]) / 2 * 4 + HERE.runtime_bytes
    target = replace(HERE, memory_bytes=room)
    _, facts = run(tmp_path, [models["trained"], models["small"]], target=target, context="1 tokens")
    assert facts["chosen"].startswith("candidate 2")
    assert [row["fits"] for row in facts["candidates"]] == [False, True]


def test_several_candidates_without_text_cannot_be_judged(tmp_path, models):
    with pytest.raises(PassError, match="no text is given"):
        run(tmp_path, [models["small"], models["trained"]])


def test_facts_of_one_window_are_json():
    """A single window has no interval; its infinite limits must not fail the pass at the very end."""
    step = Step("a", "b", Gain(0.1, -math.inf, math.inf), taken=False, reason="")
    assert json.loads(json.dumps(step_facts(step), allow_nan=False))["interval"] == [None, None]
