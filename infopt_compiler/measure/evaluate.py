"""Measure what the bounds ask for, once each, and judge. The artifact that is measured is the one that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from infopt_compiler.artifacts import Artifact, ModelSpec, TaskData, TextData
from infopt_compiler.budget import Basis, Bound, BoundResult, Earlier, Interval, Spread, Verdict, holds, judge
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.attribution.attribute import attribute
from infopt_compiler.measure.attribution.stages import Stage
from infopt_compiler.measure.embedding.estimate import EMBEDDING_METRICS
from infopt_compiler.measure.embedding.instrument import (
    Compared,
    check_kind,
    judge_embeddings,
    measure_embeddings,
    own_embeddings,
)
from infopt_compiler.measure.evaluation import Evaluation, Value
from infopt_compiler.measure.files.size import bits_per_weight
from infopt_compiler.measure.generation.instrument import METRIC as GENERATION
from infopt_compiler.measure.generation.instrument import (
    Generated,
    generation_values,
    judge_generation,
    measure_generations,
    own_generation,
)
from infopt_compiler.measure.job import Figure, Job
from infopt_compiler.measure.last import Judged, Own, judge_last, spread_of
from infopt_compiler.measure.records import MemoryRecords, Records, library_versions
from infopt_compiler.measure.requests.breakdown import breakdown
from infopt_compiler.measure.requests.instrument import (
    Timing,
    judge_relative,
    judge_served,
    measure_timing,
    own_of,
)
from infopt_compiler.measure.serving.latency import Progress, no_progress
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.measure.tasks.instrument import (
    TaskResults,
    check_tasks,
    judge_task,
    measure_tasks,
    own_task,
    task_details,
    task_values,
)
from infopt_compiler.measure.text.domains import domains
from infopt_compiler.measure.text.instrument import Quality, judge_quality, measure_quality, own_quality
from infopt_compiler.measure.text.retention import gain_of
from infopt_compiler.metrics import Needs
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target, machine_digest, predict

# What a report shows besides the bounds, where requests were run.
_SHOWN: tuple[tuple[str, str | None], ...] = (
    *((metric, aggregate) for metric in ("ttft", "prefill", "tpot", "itl", "latency", "forward") for aggregate in ("mean", "p50", "p90", "p95", "p99")),
    ("decode", "p50"),
    ("throughput", None),
    ("throughput.total", None),
    ("goodput", None),
    ("samples", None),
    ("load", "p50"),
    ("memory.peak", None),
    ("memory.steady", None),
    ("cost", None),
    ("mbu", None),
    ("mfu", None),
)  # fmt: skip


def evaluate(
    subject: Artifact,
    subject_spec: ModelSpec | None,
    bounds: Sequence[Bound],
    scenario: Scenario | None,
    artifacts: Mapping[str, Artifact],
    specs: Mapping[str, ModelSpec],
    data: Mapping[str, TextData],
    target: Target,
    settings: MeasureSettings,
    records: Records | None = None,
    progress: Progress = no_progress,
    *,
    name: str = "subject",
    earlier: Mapping[Figure, Earlier] | None = MappingProxyType({}),
    way: Sequence[Stage] = (),
    distillation: Mapping[str, Any] | None = None,
    tasks: Mapping[str, TaskData] = MappingProxyType({}),
) -> Evaluation:
    """Verdicts of all `bounds` on `subject` (binding `name`), in their order, and every value on the way.

    `artifacts`, `specs`, `data` and `tasks` hold what the bounds name by binding. On a target that is not here (`target.here`)
    requests are not run: their metrics are predicted and marked so. Size and quality are measured all the same.
    `distillation` is what the pass `distill` recorded on the way to the subject.
    `earlier` is what bounds `of last` are held to; None where the history cannot be read.
    `way`: the stages from a source to the subject, whose effects are attributed after the budget is judged.
    Raises DiagnosticError E0902 to E0910.
    """
    kept = records if records is not None else MemoryRecords()
    job = Job(
        name,
        subject,
        subject_spec,
        bounds,
        scenario,
        artifacts,
        specs,
        data,
        target,
        settings,
        kept,
        progress,
        earlier,
        distillation,
        tasks,
    )
    check_kind(job)
    check_tasks(job)
    timing = measure_timing(job) if target.here else None
    quality = measure_quality(job)
    embeddings = measure_embeddings(job)
    generated = measure_generations(job)
    answered = measure_tasks(job)
    results = [_result(job, bound, timing, quality, embeddings, generated, answered) for bound in bounds]
    return Evaluation(
        results,
        [
            *_file_values(job),
            *_served_values(job, timing),
            *_quality_values(job, quality),
            *_embedding_values(job, embeddings),
            *generation_values(job, generated),
            *task_values(job, answered),
        ],
        _worst(quality, embeddings),
        _environment(job, timing, quality),
        breakdown(job, timing) | _text_details(job, quality, generated, answered),
        attribute(job, way, timing, quality, embeddings),
    )


def _result(
    job: Job,
    bound: Bound,
    timing: Timing | None,
    quality: dict[str, Quality],
    embeddings: Compared,
    generated: Generated,
    answered: TaskResults,
) -> BoundResult:
    needs = bound.definition.needs
    if needs is Needs.scenario and not job.target.here:
        return _predicted(job, bound)
    if needs is Needs.scenario:
        if timing is None:
            raise DiagnosticError(error("E0909", f"`{bound.name}` needs requests", bound.span))
        judged, own = judge_served(timing, bound), own_of(timing, bound)
    elif bound.definition.of_task:
        judged, own = judge_task(job, bound, answered), own_task(job, bound, answered)
    elif needs is Needs.data:
        judged, own = _judge_text(job, bound, quality, embeddings, generated)
    elif needs is Needs.control:
        judged, own = _judge_gain(job, bound), partial(_gain, job, bound)
    else:
        judged, own = _judge_files(job, bound), _own_file(job, bound.metric)
    row = _row(job, bound, judged, Basis.measured)
    return replace(row, spread=spread_of(own, job.confidence(bound)))


def _judge_gain(job: Job, bound: Bound) -> Judged:
    interval = _gain(job, bound, job.confidence(bound))
    return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None


def _gain(job: Job, bound: Bound, confidence: float) -> Interval:
    if job.distillation is None:
        message = (
            f"`{bound.name}` is recorded by `distill`, and nothing on the way to `{job.name}` was distilled"
        )
        raise DiagnosticError(error("E0909", message, bound.span))
    settings = job.settings
    aggregate = bound.aggregate or "worst"
    return gain_of(job.distillation, aggregate, confidence, resamples=settings.resamples, seed=settings.seed)


def _row(
    job: Job, bound: Bound, judged: tuple[Verdict, Interval, float | None, float | None], basis: Basis
) -> BoundResult:
    verdict, interval, limit, ratio = judged
    scenario = job.scenario.name if job.scenario and bound.definition.needs is Needs.scenario else None
    point = None
    if interval.value is not None and limit is not None:
        point = holds(bound.operator, interval.value, limit)
    return BoundResult(
        bound, job.name, scenario, limit, interval, basis, verdict, point, ratio, interval.note
    )


def _predicted(job: Job, bound: Bound) -> BoundResult:
    """By arithmetic, for a machine that is not here. `predicted` whatever the value: never met, never missed."""
    interval = _prediction(job, job.spec, bound)
    limit: float | None = bound.limit.base
    ratio = None
    if bound.of_last:
        limit, interval = None, replace(interval, note="a prediction is not compared with the last build")
    elif bound.relative_to is not None:
        other = _prediction(job, job.specs.get(bound.relative_to), bound)
        limit = bound.limit.base * other.value if other.value else None
        ratio = interval.value / other.value if interval.value is not None and other.value else None
    return _row(job, bound, (Verdict.predicted, interval, limit, ratio), Basis.predicted)


def _prediction(job: Job, spec: ModelSpec | None, bound: Bound) -> Interval:
    if spec is None or job.scenario is None:
        return Interval.unknown("nothing is known of the model's shapes, or no scenario is named")
    found = predict(spec, job.target, job.scenario).get(bound.name)
    if found is None:
        return Interval.unknown(f"`{bound.name}` cannot be predicted")
    return Interval(found.value, found.low, found.high, 0.0, f"predicted: {found.arithmetic}", 0, 0)


def _own_file(job: Job, metric: str) -> Own:
    return lambda _: _file_value(metric, job.subject, job.spec)


def _judge_files(job: Job, bound: Bound) -> Judged:
    interval = _file_value(bound.metric, job.subject, job.spec)
    if bound.of_last:
        return judge_last(job, bound, _own_file(job, bound.metric))
    if bound.relative_to is None:
        return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None
    other = job.artifact(bound, bound.relative_to)
    reference = _file_value(bound.metric, other, job.specs.get(bound.relative_to))
    ratio = (
        Interval.exact(interval.value / reference.value, interval.estimator)
        if interval.value is not None and reference.value
        else Interval.unknown("the reference has no value")
    )
    return judge_relative(bound, ratio, reference)


def _file_value(metric: str, artifact: Artifact, spec: ModelSpec | None) -> Interval:
    if metric == "size":
        return Interval.exact(float(artifact.size_bytes), "bytes of all files")
    return bits_per_weight(artifact, spec)


def _file_values(job: Job) -> list[Value]:
    owns = {metric: _own_file(job, metric) for metric in ("size", "bits_per_weight")}
    found = [Value(metric, job.name, own(1.0), spread=_kept(job, own)) for metric, own in owns.items()]
    return [value for value in found if value.interval.value is not None]


def _kept(job: Job, own: Own) -> Spread | None:
    """Of a value without a bound only what a bound `of last` at the settings' confidence would take."""
    return spread_of(own, job.settings.confidence, ())


def _served_values(job: Job, timing: Timing | None) -> list[Value]:
    """Everything that the requests show, also of the references; what has too few samples is left out."""
    if timing is None:
        return _predicted_values(job)
    found = []
    for subject in timing.samples:
        for metric, aggregate in _SHOWN:
            reference = None if subject == job.name else subject
            own = partial(timing.interval, metric, aggregate, name=reference)
            label = f"{metric}.{aggregate}" if aggregate else metric
            kept = _kept(job, own) if reference is None else None
            interval = own(job.settings.confidence)
            found.append(Value(label, subject, interval, scenario=timing.scenario.name, spread=kept))
    return [value for value in found if value.interval.value is not None]


def _predicted_values(job: Job) -> list[Value]:
    if job.spec is None or job.scenario is None:
        return []
    names = [f"{metric}.{aggregate}" if aggregate else metric for metric, aggregate in _SHOWN]
    found = predict(job.spec, job.target, job.scenario)
    intervals = {
        name: Interval(found[name].value, found[name].low, found[name].high, 0.0, f"predicted: {found[name].arithmetic}", 0, 0)
        for name in names
        if name in found
    }  # fmt: skip
    return [
        Value(name, job.name, value, Basis.predicted, job.scenario.name) for name, value in intervals.items()
    ]


def _judge_text(
    job: Job, bound: Bound, quality: dict[str, Quality], embeddings: Compared, generated: Generated
) -> tuple[Judged, Own]:
    if bound.metric == GENERATION:
        return judge_generation(job, bound, generated), own_generation(job, bound, generated)
    if bound.metric in EMBEDDING_METRICS:
        return judge_embeddings(job, bound, embeddings), own_embeddings(job, bound, embeddings)
    return judge_quality(job, bound, quality), own_quality(job, bound, quality)


def _text_details(
    job: Job, quality: dict[str, Quality], generated: Generated, answered: TaskResults
) -> dict[str, Any]:
    """The keys `tails`, `domains`, `generations` and `tasks` of a row of `measured`, as far as there is something in them."""
    tails = {found.label: found.result.tails() for found in quality.values()}
    details = {
        "tails": {label: found for label, found in tails.items() if found},
        "domains": domains(quality, job.settings.confidence),
        "generations": {found.label: found.to_json() for found in generated.values()},
        "tasks": task_details(job, answered),
    }
    return {key: found for key, found in details.items() if found}


def _worst(quality: dict[str, Quality], embeddings: Compared) -> dict[str, list[dict[str, Any]]]:
    """The windows or sentences that came out worst, by what they were compared on."""
    windows = {key: found.result.worst() for key, found in quality.items() if found.on}
    return windows | {f"{on} vs {reference}": found.worst() for (on, reference), found in embeddings.items()}


def _embedding_values(job: Job, embeddings: Compared) -> list[Value]:
    return [value for found in embeddings.values() for value in found.values(job)]


def _quality_values(job: Job, quality: dict[str, Quality]) -> list[Value]:
    return [value for found in quality.values() for value in found.values(job.name)]


def family(job: Job) -> dict[str, Any]:
    """What holds for all sampled bounds together (Bonferroni): at least 1 minus the sum of what each may err."""
    each = [job.confidence(bound) for bound in job.sampled]
    together = max(0.0, 1 - sum(1 - confidence for confidence in each))
    spent = "the error is spent over all bounds" if job.settings.family else "each bound by itself"
    note = f"{len(each)} bounds from samples, {spent}: all verdicts hold together with at least {together:.4g} confidence"
    return {"bounds": len(each), "together_at_least": together, "note": note if len(each) > 1 else ""}


def _environment(job: Job, timing: Timing | None, quality: dict[str, Quality]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "libraries": library_versions(),
        "measure": replace(job.settings).name,
        "confidence": "each limit of an interval holds with the stated confidence, each bound by itself",
        "family": family(job),
    }
    if timing is not None:
        found["machine_digest"] = machine_digest()
        found["serving"] = {name: samples.environment for name, samples in timing.samples.items()}
        found["blocks"] = {name: len(samples.blocks) for name, samples in timing.samples.items()}
        found["looks"] = timing.look
        found["timings_reused"] = timing.reused
    for entry in quality.values():
        found.setdefault("quality", {})[entry.label] = {
            "policy": entry.result.policy,
            "windows": len(entry.result.windows),
            "versions": entry.result.versions,
            "reused": entry.reused,
        }
    return found
