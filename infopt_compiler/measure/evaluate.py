"""Measure what the bounds ask for, once each, and judge. The artifact that is measured is the one that ships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infopt_compiler.budget import Basis, Bound, Spread
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, error
from infopt_compiler.measure.attribution.attribute import attribute
from infopt_compiler.measure.distillation.instrument import GainInstrument
from infopt_compiler.measure.embedding.instrument import EmbeddingInstrument
from infopt_compiler.measure.evaluation import Evaluation, Value
from infopt_compiler.measure.files.instrument import FileInstrument
from infopt_compiler.measure.generation.instrument import GenerationInstrument
from infopt_compiler.measure.job import Details, Instrument, Job, Reading, Shown
from infopt_compiler.measure.judging import judge_bound, spread_of
from infopt_compiler.measure.repetition.instrument import RepetitionInstrument
from infopt_compiler.measure.requests.instrument import RequestInstrument
from infopt_compiler.measure.tasks.instrument import TaskInstrument
from infopt_compiler.measure.text.instrument import TextInstrument
from infopt_compiler.metrics import ModelKind, metrics_of

INSTRUMENTS: tuple[Instrument, ...] = (
    FileInstrument(),
    RequestInstrument(),
    TextInstrument(),
    EmbeddingInstrument(),
    GenerationInstrument(),
    RepetitionInstrument(),
    TaskInstrument(),
    GainInstrument(),
)
"""Measured in this order; each metric belongs to one of them."""


def evaluate(job: Job, instruments: Sequence[Instrument] = INSTRUMENTS) -> Evaluation:
    """Verdicts of all bounds on the subject, in their order, and every value on the way.

    What cannot be measured is told before anything is. Raises DiagnosticError E0902 to E0910.
    """
    check_kind(job)
    for one in instruments:
        one.check(job)
    measured = [(one, one.measure(job.in_phase(one.phase))) for one in instruments]
    readings = [reading for _, reading in measured if reading is not None]
    by_metric = {name: reading for one, reading in measured if reading is not None for name in one.metrics}
    details = [reading.details() for reading in readings]
    return Evaluation(
        [judge_bound(job, bound, by_metric[bound.metric]) for bound in job.bounds],
        [value for reading in readings for value in values(job, reading)],
        {key: rows for found in details for key, rows in found.worst.items()},
        _environment(job, details),
        {key: part for found in details for key, part in found.breakdown.items() if part},
        attribute(job.in_phase("attribution"), readings),
    )


def check_kind(job: Job) -> None:
    """DiagnosticError E0909 where a bound asks an encoder for words or a decoder for vectors."""
    if job.spec is None:
        return
    kind = ModelKind.decoder if job.spec.family.generates else ModelKind.encoder
    for bound in job.bounds:
        if bound.definition.only not in (None, kind):
            raise DiagnosticError(_of_another_kind(job, bound, kind))


def _of_another_kind(job: Job, bound: Bound, kind: ModelKind) -> Diagnostic:
    names = ", ".join(f"`{name}`" for name in metrics_of(kind, bound.definition.needs))
    what = "an encoder" if kind is ModelKind.encoder else "a decoder"
    message = f"`{bound.name}` cannot be measured: `{job.name}` is {what}"
    help = f"{kind.value}s have {names}" if names else None
    return error("E0909", message, bound.span, help=help)


def values(job: Job, reading: Reading) -> list[Value]:
    """What of a reading is shown."""
    found = [(shown, shown.own(job.settings.confidence)) for shown in reading.shown()]
    return [
        Value(
            shown.name,
            shown.subject or job.name,
            interval,
            reading.basis,
            shown.scenario,
            shown.on,
            shown.reference,
            _kept(job, shown, reading),
        )
        for shown, interval in found
        if shown.unknown or interval.value is not None
    ]


def _kept(job: Job, shown: Shown, reading: Reading) -> Spread | None:
    """Of a value without a bound only what a bound `of last` at the settings' confidence would take; of a prediction and of
    another model nothing."""
    if shown.subject is not None or reading.basis is not Basis.measured:
        return None
    return spread_of(shown.own, job.settings.confidence, ())


def family(job: Job) -> dict[str, Any]:
    """What holds for all sampled bounds together (Bonferroni): at least 1 minus the sum of what each may err."""
    each = [job.confidence(bound) for bound in job.sampled]
    together = max(0.0, 1 - sum(1 - confidence for confidence in each))
    spent = "the error is spent over all bounds" if job.settings.family else "each bound by itself"
    note = f"{len(each)} bounds from samples, {spent}: all verdicts hold together with at least {together:.4g} confidence"
    return {"bounds": len(each), "together_at_least": together, "note": note if len(each) > 1 else ""}


def _environment(job: Job, details: Sequence[Details]) -> dict[str, Any]:
    common = {
        "libraries": job.libraries,
        "measure": job.settings.name,
        "confidence": "each limit of an interval holds with the stated confidence, each bound by itself",
        "family": family(job),
    }
    return common | {key: part for found in details for key, part in found.environment.items()}
