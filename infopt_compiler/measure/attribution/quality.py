"""Quality of the stages on the way, on the windows or sentences that the budget itself was judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from infopt_compiler.artifacts import Artifact, QuantizedModel
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.attribution.stages import (
    NOT_MEASURED,
    Clock,
    OutOfTime,
    Point,
    Stage,
    distinct,
    equals,
    why_not,
)
from infopt_compiler.measure.embedding.agreement import Agreement, compare_embeddings
from infopt_compiler.measure.embedding.instrument import EmbeddingReading, Embeddings
from infopt_compiler.measure.job import Job, Reading
from infopt_compiler.measure.text.instrument import Quality, TextReading, recorded
from infopt_compiler.measure.text.quality import QualityResult, compare, score
from infopt_compiler.progress import Progress
from infopt_compiler.runtimes.registry import find_scorer

_NOT_SERVED = Point(None, "not served", "integer weights give no vectors before they are exported")
Scored = dict[str, QualityResult | Point]  # by digest


def quality_points(
    job: Job, stages: Sequence[Stage], readings: Sequence[Reading], clock: Clock
) -> tuple[str | None, dict[str, list[Point]]]:
    """On the budget's first text with a reference, else on its first text or sentences: what it is called, and the points."""
    scored = [one for found in readings if isinstance(found, TextReading) for one in found.scored.values()]
    if scored:
        entry = min(scored, key=lambda found: found.reference is None)
        return entry.label, text_points(job, stages, entry, clock)
    compared = (found.compared.values() for found in readings if isinstance(found, EmbeddingReading))
    for one in (one for found in compared for one in found):
        return f"{one.on} vs {one.reference}", cosine_points(job, stages, one, clock)
    return None, {}


def text_points(job: Job, stages: Sequence[Stage], entry: Quality, clock: Clock) -> dict[str, list[Point]]:
    """`perplexity`, and with a reference `kl.mean`, of every stage."""
    reference = job.artifacts[entry.reference] if entry.reference else None
    scored: Scored = {job.subject.digest: entry.result}
    own = {job.subject.digest, *([reference.digest] if reference else [])}
    same = equals(stages, job.subject.digest)
    missing = [
        s
        for s in distinct(stages)
        if s.artifact.digest not in own and same[s.artifact.digest] == s.artifact.digest
    ]
    _score_missing(job, missing, reference, entry, clock, scored)
    for digest, instead in same.items():
        if digest not in own and instead in scored:
            scored.setdefault(digest, scored[instead])
    base = reference.digest if reference else None
    found = {"perplexity": [_text_point(job, stage, entry, scored, base, "perplexity") for stage in stages]}
    if reference is not None:
        found["kl.mean"] = [_text_point(job, stage, entry, scored, base, "kl") for stage in stages]
    return found


def _score_missing(
    job: Job,
    missing: Sequence[Stage],
    reference: Artifact | None,
    entry: Quality,
    clock: Clock,
    scored: Scored,
) -> None:
    """From records where it is known, else all that are left in one run beside the reference."""
    data = job.data[entry.on or ""]
    keys = {s.artifact.digest: job.text_key(s.artifact, reference, data) for s in missing}
    wanted: dict[str, Stage] = {}
    for stage in missing:
        digest = stage.artifact.digest
        known = job.records.record(keys[digest])
        if known is not None:
            scored[digest] = QualityResult.from_json(known)
        elif find_scorer(stage.artifact) is None:
            scored[digest] = Point(None, NOT_MEASURED, f"quality of a {stage.artifact.kind} cannot be scored")
        elif clock.left <= 0:
            scored[digest] = why_not(job.settings.attribution)
        else:
            wanted[stage.name] = stage
    subjects = {name: stage.artifact for name, stage in wanted.items()}
    for name, result in _scores(job, subjects, reference, entry, clock).items():
        digest = subjects[name].digest
        scored[digest] = result if isinstance(result, Point) else recorded(job, keys[digest], result)


def _scores(
    job: Job, subjects: dict[str, Artifact], reference: Artifact | None, entry: Quality, clock: Clock
) -> Scored:
    """By binding. One run for all with a reference, since its logits are shared; nothing fails a build here."""
    data, windows = job.data[entry.on or ""], job.settings.windows
    progress = timed(job.progress, clock)
    try:
        if reference is not None and subjects:
            return dict(compare(reference, subjects, data, windows, progress=progress))
        return {name: score(one, data, windows, progress=progress) for name, one in subjects.items()}
    except OutOfTime:
        return dict.fromkeys(subjects, why_not(True))
    except DiagnosticError as failure:
        return dict.fromkeys(subjects, Point(None, NOT_MEASURED, failure.diagnostics[0].message))


def timed(progress: Progress, clock: Clock) -> Progress:
    """The same progress, ended by the clock."""

    def told(done: float, total: float, message: str) -> None:
        clock.check()
        progress(done, total, message)

    return told


def _text_point(
    job: Job, stage: Stage, entry: Quality, scored: Scored, base: str | None, metric: str
) -> Point:
    if stage.artifact.digest == base:
        value = entry.result.reference_perplexity if metric == "perplexity" else 0.0
        return Point(value, "measured" if metric == "perplexity" else "exact", "the reference itself")
    result = scored[stage.artifact.digest]
    if isinstance(result, Point):
        return result
    aggregate = "mean" if metric == "kl" else None
    found = replace(entry, result=result).interval(metric, aggregate, job.settings.confidence)
    note = f"{len(result.windows)} windows"
    if stage.proven is not None and stage.artifact.digest != job.subject.digest:
        note += f", those of the step before: `{stage.pass_name}` proved equal logits (to {stage.proven:.1g})"
    return Point(found.value, "measured", note, found.low, found.high)


def cosine_points(
    job: Job, stages: Sequence[Stage], entry: Embeddings, clock: Clock
) -> dict[str, list[Point]]:
    """`cosine.mean` and `ranking` of every stage that gives vectors."""
    rows = [_agreements(job, stage, entry, clock) for stage in stages]
    return {
        "cosine.mean": [_cosine_point(job, entry, found, "cosine", "mean") for found in rows],
        "ranking": [_cosine_point(job, entry, found, "ranking", None) for found in rows],
    }


def _agreements(job: Job, stage: Stage, entry: Embeddings, clock: Clock) -> list[Agreement] | Point:
    reference, data = job.artifacts[entry.reference], job.data[entry.on]
    if stage.artifact.digest == reference.digest:
        return Point(1.0, "exact", "the reference itself")
    if stage.artifact.digest == job.subject.digest:
        return entry.rows
    if isinstance(stage.artifact, QuantizedModel):
        return _NOT_SERVED
    key = job.text_key(stage.artifact, reference, data, all=True) + ".embeddings"
    known = job.records.record(key)
    if known is not None:
        return [Agreement(**row) for row in known["rows"]]
    if clock.left <= 0:
        return why_not(job.settings.attribution)
    try:
        rows = compare_embeddings(reference, stage.artifact, data)
    except DiagnosticError as failure:
        return Point(None, NOT_MEASURED, failure.diagnostics[0].message)
    job.records.put_record(key, {"rows": [row.to_json() for row in rows]})
    return rows


def _cosine_point(
    job: Job, entry: Embeddings, found: list[Agreement] | Point, metric: str, aggregate: str | None
) -> Point:
    if isinstance(found, Point):
        return found
    value = replace(entry, rows=found).interval(metric, aggregate, job.settings.confidence)
    return Point(value.value, "measured", f"{len(found)} sentences", value.low, value.high)
