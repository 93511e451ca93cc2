"""The instrument over requests: sampled until its bounds are decided, or read from a record; predicted for another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from infopt_compiler.artifacts import Artifact, ModelSpec
from infopt_compiler.budget import Basis, Bound, Interval
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.job import Job, Own, Reading, Shown, label
from infopt_compiler.measure.judging import is_decided
from infopt_compiler.measure.records import timing_key
from infopt_compiler.measure.requests.timing import SHOWN, Timing
from infopt_compiler.measure.serving.latency import sample
from infopt_compiler.measure.serving.machine_state import busy, check_quiet, load_averages, trusted
from infopt_compiler.measure.serving.samples import BlockSamples
from infopt_compiler.metrics import METRICS, Needs
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import predict


class RequestInstrument:
    """Serves the subject and the references of relative bounds.

    With neither bounds nor a record the smallest number of blocks is run, so that the report has its values.
    """

    phase = "requests"
    metrics = frozenset(name for name, metric in METRICS.items() if metric.needs is Needs.scenario)

    def check(self, job: Job) -> None:
        if not job.target.here:
            return
        bounds = job.of(self.metrics)
        for bound in bounds if job.scenario is None else ():
            message = f"`{bound.name}` needs requests, and the budget names no scenario"
            raise DiagnosticError(error("E0909", message, bound.span, help="write `under` and a scenario"))
        if job.scenario is not None:
            _check_context(job, job.scenario, bounds)

    def measure(self, job: Job) -> Reading | None:
        if not job.target.here:
            return Predicted(job)
        return None if job.scenario is None else measure_timing(job, job.scenario, job.of(self.metrics))


@dataclass(frozen=True)
class Predicted(Reading):
    """By arithmetic, for a machine that is not here."""

    basis: ClassVar[Basis] = Basis.predicted
    job: Job

    def own(self, bound: Bound) -> Own:
        return self._named(bound.name)

    def ratio(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        specs = self.job.spec, self.job.specs.get(bound.relative_to or "")
        own, other = (self._interval(spec, bound.name) for spec in specs)
        if own.value is None or not other.value:
            return Interval.unknown("nothing to compare with is predicted"), other
        return Interval.exact(own.value / other.value), other

    def shown(self) -> Iterator[Shown]:
        for metric, aggregate in SHOWN:
            name = label(metric, aggregate)
            scenario = self.job.scenario.name if self.job.scenario else None
            yield Shown(name, self._named(name), scenario=scenario)

    def _named(self, name: str) -> Own:
        return lambda _: self._interval(self.job.spec, name)

    def _interval(self, spec: ModelSpec | None, name: str) -> Interval:
        if spec is None or self.job.scenario is None:
            return Interval.unknown("nothing is known of the model's shapes, or no scenario is named")
        found = predict(spec, self.job.target, self.job.scenario).get(name)
        if found is None:
            return Interval.unknown(f"`{name}` cannot be predicted")
        return Interval(found.value, found.low, found.high, 0.0, f"predicted: {found.arithmetic}", 0, 0)


def measure_timing(job: Job, scenario: Scenario, bounds: Sequence[Bound]) -> Timing:
    """Blocks of the subject and of what it is related to, from a record where that decides as much."""
    variants = _variants(job, bounds)
    texts = job.data.get(scenario.prompts or "")
    key = timing_key(variants, scenario, job.settings, [_asked(job, bound) for bound in bounds], texts)

    def decided(found: dict[str, BlockSamples], look: int, last: bool) -> bool:
        timing = Timing(job, scenario, found, look, last)
        return all(is_decided(job, bound, timing) for bound in bounds)

    known = job.records.record(key)
    if known is not None:
        timing = _from_record(job, scenario, known, list(variants))
        # What is not in the key (a price, a probed bandwidth) may have opened a bound again.
        if decided(timing.samples, timing.look, timing.last):
            return timing
    prompts = texts.path if texts is not None else None
    before = check_quiet(job.settings.refuse_busy)
    samples, look, last = sample(variants, scenario, job.settings, decided, job.progress, prompts)
    if job.settings.refuse_busy and any(trusted(found)[1] for found in samples.values()):
        raise busy("others used the cores during most blocks of requests")
    own = samples[job.name]
    around = {"machine_before": before, "machine_load": load_averages()}  # kept with the record
    samples[job.name] = replace(own, environment={**own.environment, **around})
    timing = Timing(job, scenario, samples, look, last)
    # An undecided measurement is not kept: the next build may find a quieter machine.
    if decided(samples, look, last):
        job.records.put_record(key, _to_record(timing))
    return timing


def _check_context(job: Job, scenario: Scenario, bounds: Sequence[Bound]) -> None:
    """The runtime would refuse the requests, with a traceback of its own."""
    context = job.spec.context if job.spec is not None else 0
    if 0 < context < scenario.max_length:
        message = f"requests of `{scenario.name}` take {scenario.max_length} tokens, the model's context holds {context}"
        place = bounds[0].span if bounds else None
        raise DiagnosticError(
            error("E0909", message, place, help="shorten `prompt`, `generate` or `context`")
        )


def _variants(job: Job, bounds: Sequence[Bound]) -> dict[str, Artifact]:
    references = {bound.beside: job.artifact(bound, bound.beside) for bound in bounds if bound.beside}
    return {job.name: job.subject, **{k: v for k, v in references.items() if k != job.name}}


def _asked(job: Job, bound: Bound) -> str:
    """What of a bound decides how long is sampled."""
    return f"{bound.name} {bound.operator.value} {bound.limit} {bound.relative_to} {job.confidence(bound)}"


def _to_record(timing: Timing) -> dict[str, Any]:
    samples = [found.to_json() for found in timing.samples.values()]
    return {"samples": samples, "look": timing.look, "last": timing.last}


def _from_record(job: Job, scenario: Scenario, data: dict[str, Any], names: list[str]) -> Timing:
    samples = dict(zip(names, map(BlockSamples.from_json, data["samples"]), strict=True))
    return Timing(job, scenario, samples, data["look"], data["last"], reused=True)
