"""Runs `select`: what fits, what meets the requirements, and the choice among those."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import Any

from infopt_compiler.artifacts import HFModel, ModelSpec, TextData
from infopt_compiler.artifacts.onnx_view import link_folder
from infopt_compiler.budget import Interval, finite
from infopt_compiler.measure.text.quality import QualityResult
from infopt_compiler.passes.base import PassError, RunContext
from infopt_compiler.passes.select.choose import Candidate, Choice, Step, choose
from infopt_compiler.passes.select.fit import required_bytes
from infopt_compiler.passes.select.parameters import SelectParameters
from infopt_compiler.passes.select.requirement import (
    Requirement,
    parse_requirement,
    required_metrics,
)
from infopt_compiler.units import Dimension, human, parse_quantity


@dataclass(frozen=True)
class Entry:
    """A candidate with its model, the memory that serving it takes, and what was measured."""

    candidate: Candidate
    model: HFModel
    required_bytes: float
    result: QualityResult | None = None
    intervals: dict[str, Interval] | None = None


def run_select(
    select: SelectParameters, ctx: RunContext, models: tuple[HFModel, ...], on: TextData | None
) -> dict[str, Any]:
    """Link the chosen candidate into `ctx.staging`; facts hold every candidate's values and the reasons."""
    requirements = [parse_requirement(text) for text in select.require]
    entries = [_entry(select, ctx, number, model) for number, model in enumerate(models, 1)]
    fitting = [entry for entry in entries if entry.required_bytes <= ctx.target.memory_bytes]
    if not fitting:
        raise PassError(_too_large(entries, ctx), code="E0740", help=_SMALLER)
    measured = _measured(select, ctx, fitting, on)
    meeting = meeting_requirements(measured, requirements)
    choice = _choose(select, ctx, meeting, requirements)
    chosen = next(entry for entry in meeting if entry.candidate == choice.candidate)
    _link(ctx, chosen.model)
    known = {entry.candidate.label: entry for entry in [*entries, *measured]}
    return {
        "chosen": choice.candidate.label,
        "reason": choice.reason,
        "prefer": select.prefer.value,
        "require": [str(requirement) for requirement in requirements],
        "candidates": [_facts(entry, ctx, requirements) for entry in known.values()],
        "comparisons": [step_facts(step) for step in choice.steps],
    }


_SMALLER = (
    "Choose a smaller model or a larger target; `bits` says with how many bits per weight it will be served."
)


def _entry(select: SelectParameters, ctx: RunContext, number: int, model: HFModel) -> Entry:
    try:
        spec = ModelSpec.from_folder(model.path)
    except (OSError, KeyError, ValueError) as wrong:
        raise PassError(
            f"candidate {number} is no model: its config.json lacks {wrong}", code="E0743"
        ) from wrong
    size = human(spec.weight_bytes, Dimension.bytes)
    label = f"candidate {number} ({spec.model_type}, {spec.parameters / 1e6:.4g} M parameters, {size})"
    needed = required_bytes(
        spec, ctx.target, bits=select.bits, context=int(parse_quantity(select.context).base)
    )
    candidate = Candidate(
        label,
        spec.weight_bytes,
        spec.bytes_per_token,
        model.size_bytes,
        {"size": float(model.size_bytes)},
    )
    return Entry(candidate, model, needed)


def _measured(
    select: SelectParameters, ctx: RunContext, fitting: list[Entry], on: TextData | None
) -> list[Entry]:
    """The entries with quality, where the choice needs it; else as they are."""
    if not select.measures(len(fitting)):
        ctx.log("one candidate and no requirement of quality: taken without measuring")
        return fitting
    if on is None:
        raise PassError(
            "quality must be measured to choose, and no text is given",
            code="E0743",
            help="Add `on = heldout`.",
        )
    from infopt_compiler.passes.select.quality import intervals, measure, one_tokenizer

    found: list[Entry] = []
    for number, entry in enumerate(fitting):
        label = entry.candidate.label
        ctx.progress(number, len(fitting), f"measuring {label}")

        def tell(share: float, number: int = number, label: str = label) -> None:
            ctx.progress(number + share, len(fitting), f"measuring {label}")

        result = measure(label, entry.model, on, tell)
        ranges = intervals(result, parse_quantity(select.confidence).base, ctx.seed)
        values = {metric: interval.value for metric, interval in ranges.items() if interval.value is not None}
        candidate = replace(entry.candidate, values={**entry.candidate.values, **values})
        found.append(replace(entry, candidate=candidate, result=result, intervals=ranges))
    results = {entry.candidate.label: entry.result for entry in found if entry.result}
    if "perplexity" in required_metrics(select.require) and not one_tokenizer(results):
        raise PassError(
            "the candidates have different tokenizers, so their perplexities do not compare",
            code="E0742",
            help="Require `bits_per_byte` instead.",
        )
    return found


def meeting_requirements(entries: list[Entry], requirements: list[Requirement]) -> list[Entry]:
    """The entries that meet all requirements; PassError (E0741) with who missed what where none does."""
    meeting = [entry for entry in entries if not entry.candidate.missed(requirements)]
    if meeting:
        return meeting
    rows = []
    for entry in entries:
        missed = (
            f"{r.metric} is {r.format(entry.candidate.values[r.metric])}, {share:.1%} beyond {r.limit}"
            for r, share in entry.candidate.missed(requirements).items()
        )
        rows.append(f"  {entry.candidate.label}: {'; '.join(missed)}")
    wanted = ", ".join(str(requirement) for requirement in requirements)
    raise PassError(
        f"no candidate meets {wanted}:\n" + "\n".join(rows),
        code="E0741",
        help="Loosen the requirement, or add a candidate.",
    )


def _choose(
    select: SelectParameters, ctx: RunContext, entries: list[Entry], requirements: list[Requirement]
) -> Choice:
    if len(entries) == 1 and entries[0].result is None:
        met = (
            f", which meets {', '.join(map(str, requirements))}"
            if requirements
            else ", taken without measuring"
        )
        return Choice(entries[0].candidate, f"the only candidate that fits{met}")
    from infopt_compiler.passes.select.quality import gain

    results = {entry.candidate.label: entry.result for entry in entries if entry.result is not None}
    confidence = parse_quantity(select.confidence).base

    def gain_of(current: Candidate, other: Candidate) -> Any:
        return gain(results[current.label], results[other.label], confidence, ctx.seed)

    candidates = [entry.candidate for entry in entries]
    return choose(candidates, select.prefer, gain_of, parse_quantity(select.gain).base)


def _too_large(entries: list[Entry], ctx: RunContext) -> str:
    rows = (
        f"  {entry.candidate.label} needs {human(entry.required_bytes, Dimension.bytes)}" for entry in entries
    )
    room = human(ctx.target.memory_bytes, Dimension.bytes)
    return f"no candidate fits the {room} of target `{ctx.target.name}`:\n" + "\n".join(rows)


def _link(ctx: RunContext, model: HFModel) -> None:
    shutil.rmtree(ctx.staging, ignore_errors=True)  # what an interrupted run left may be of another candidate
    ctx.staging.mkdir(parents=True)
    link_folder(model.path, ctx.staging)


def _facts(entry: Entry, ctx: RunContext, requirements: list[Requirement]) -> dict[str, Any]:
    candidate = entry.candidate
    known = [r for r in requirements if r.metric in candidate.values]
    missed = {str(r): share for r, share in candidate.missed(known).items()}
    return {
        "label": candidate.label,
        "digest": entry.model.digest,
        "weight_bytes": candidate.weight_bytes,
        "size_bytes": candidate.size_bytes,
        "required_bytes": entry.required_bytes,
        "fits": entry.required_bytes <= ctx.target.memory_bytes,
        "values": {
            metric: {"value": interval.value, "interval": finite(interval.low, interval.high)}
            for metric, interval in (entry.intervals or {}).items()
        },
        "unit_of_bits_per_byte": "nats" if entry.intervals else None,
        "missed": missed,
    }


def step_facts(step: Step) -> dict[str, Any]:
    return {
        "kept": step.kept,
        "against": step.against,
        "gain": step.gain.value,
        "interval": finite(step.gain.low, step.gain.high),
        "taken": step.taken,
        "reason": step.reason,
    }
