"""The instrument over requests: sampled until its bounds are decided, or read from a record; predicted for another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from infopt_compiler.artifacts import Artifact, ModelSpec
from infopt_compiler.budget import Basis, Bound, Interval, request_limits
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.job import Details, Job, Own, Reading, Shown, label
from infopt_compiler.measure.judging import is_decided
from infopt_compiler.measure.requests.breakdown import breakdown
from infopt_compiler.measure.requests.estimate import (
    estimate,
    estimate_goodput,
    estimate_ratio,
    open_ratio,
    open_slow_end,
    quotient,
)
from infopt_compiler.measure.serving.latency import sample
from infopt_compiler.measure.serving.machine_state import busy, check_quiet, load_averages, trusted
from infopt_compiler.measure.serving.samples import SERVED_METRICS, BlockSamples
from infopt_compiler.measure.statistics.limits import interim_confidence
from infopt_compiler.metrics import LATENCY_METRICS, METRICS, Needs
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import least_seconds, machine_digest, predict


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
    key = job.timing_key(variants, scenario, [_asked(job, bound) for bound in bounds])

    def decided(found: dict[str, BlockSamples], analysis: int, last: bool) -> bool:
        timing = Timing(job, scenario, found, analysis, last)
        return all(is_decided(job, bound, timing) for bound in bounds)

    known = job.records.record(key)
    if known is not None:
        timing = _from_record(job, scenario, known, list(variants))
        # What is not in the key (a price, a probed bandwidth) may have opened a bound again.
        if decided(timing.samples, timing.analysis, timing.last):
            return timing
    prompts = texts.path if texts is not None else None
    before = check_quiet(job.settings.refuse_busy)
    samples, analysis, last = sample(variants, scenario, job.settings, decided, job.progress, prompts)
    disturbed = any(trusted(found)[1] for found in samples.values())
    if job.settings.refuse_busy and disturbed:
        raise busy("others used the cores during most blocks of requests")
    own = samples[job.name]
    around = {"machine_before": before, "machine_load": load_averages()}  # kept with the record
    samples[job.name] = replace(own, environment={**own.environment, **around})
    timing = Timing(job, scenario, samples, analysis, last)
    # What is undecided, or was disturbed by others, is not kept: the next build may find a quieter machine.
    if decided(samples, analysis, last) and not disturbed:
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
    return {"samples": samples, "look": timing.analysis, "last": timing.last}


def _from_record(job: Job, scenario: Scenario, data: dict[str, Any], names: list[str]) -> Timing:
    samples = dict(zip(names, map(BlockSamples.from_json, data["samples"]), strict=True))
    return Timing(job, scenario, samples, data["look"], data["last"], reused=True)


# What a report shows besides the bounds, where requests were run.
SHOWN: tuple[tuple[str, str | None], ...] = (
    *((metric, aggregate) for metric in LATENCY_METRICS for aggregate in ("mean", "p50", "p90", "p95", "p99")),
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


@dataclass(frozen=True)
class Timing(Reading):
    """Samples of the subject and of each reference by binding, and after which interim analysis the sampling stopped."""

    job: Job
    scenario: Scenario
    samples: dict[str, BlockSamples]
    analysis: int
    last: bool
    reused: bool = False

    def interval(
        self, metric: str, aggregate: str | None, confidence: float, name: str | None = None
    ) -> Interval:
        """A metric of the subject (or of reference `name`); each limit holds with `confidence` over all interim analyses."""
        level = interim_confidence(confidence, self.analysis, last=self.last)
        samples = self.samples[name or self.job.name]
        if metric in SERVED_METRICS:
            found = estimate(samples, metric, aggregate, level, confidence)
        else:
            found = self._derived(samples, metric, level, confidence, name)
        found = open_slow_end(found, samples, metric)
        # An observed maximum says 1.0 of itself: it has no limits that could hold with another confidence.
        return replace(found, confidence=confidence) if found.confidence == level else found

    def own(self, bound: Bound) -> Own:
        return lambda confidence: self.interval(bound.metric, bound.aggregate, confidence)

    def ratio(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        """Blocks paired."""
        reference = self.interval(bound.metric, bound.aggregate, confidence, bound.relative_to)
        return self._ratio(bound, confidence), reference

    def _ratio(self, bound: Bound, confidence: float) -> Interval:
        level = interim_confidence(confidence, self.analysis, last=self.last)
        name = bound.relative_to or ""
        pair = self.samples[self.job.name], self.samples[name]
        if bound.metric in SERVED_METRICS:
            found = estimate_ratio(*pair, bound.metric, bound.aggregate, level, confidence)
            return replace(open_ratio(found, *pair, bound.metric), confidence=confidence)
        if bound.metric == "cost":  # the price is the same on both sides
            return replace(estimate_ratio(*pair, "throughput", None, level).inverted(), confidence=confidence)
        half, asked = (1 - (1 - each) / 2 for each in (level, confidence))
        own, other = (
            self._derived(side, bound.metric, half, asked, key)
            for side, key in zip(pair, (None, name), strict=True)
        )
        found = open_ratio(quotient(own, other), *pair, bound.metric)
        return replace(found, confidence=confidence)

    def _derived(
        self, samples: BlockSamples, metric: str, level: float, asked: float, name: str | None
    ) -> Interval:
        if metric == "goodput":
            return self._goodput(samples, level)
        if metric == "cost":
            usage = f"utilization {self.scenario.utilization:g}"
            per_hour = self.job.target.usd_per_hour * 1e6 / (3600 * self.scenario.utilization)
            found = estimate(samples, "throughput", None, level).inverted(per_hour)
            return replace(found, estimator=f"price over throughput, {usage}; {found.estimator}")
        spec = self.job.specs.get(name) if name else self.job.spec
        if metric == "mbu" and spec is not None and self.job.target.bandwidth > 0:
            tokens = self.scenario.prompt + self.scenario.generate // 2
            read = spec.bytes_per_token + spec.kv_bytes(tokens) * self.scenario.batch
            found = estimate(samples, "tpot", "p50", level, asked).inverted(read / self.job.target.bandwidth)
            words = "bytes per token over p50 of tpot over measured bandwidth"
            return _share(replace(found, estimator=f"{words}; {found.estimator}"), metric)
        if metric == "mfu" and spec is not None and self.job.target.flops > 0:
            own = "forward" if samples.pooled("forward") else "prefill"
            least = least_seconds(spec, self.job.target, self.scenario)
            if least is None:
                note = "`mfu` needs the rate of integers, which is measured on this machine only"
                return Interval.unknown(note, confidence=level)
            found = estimate(samples, own, "p50", level, asked).inverted(least)
            words = f"seconds at the measured peak of its arithmetic over p50 of {own}"
            return _share(replace(found, estimator=f"{words}; {found.estimator}"), metric)
        return Interval.unknown(f"`{metric}` needs the model's shapes", confidence=level)

    def _goodput(self, samples: BlockSamples, level: float) -> Interval:
        limits = request_limits(self.job.bounds)
        if not limits:
            return Interval.unknown(
                "no latency bound that counts says which requests are good", confidence=level
            )
        found = estimate_goodput(samples, limits, level)
        words = ", ".join(f"{metric} <= {limit:g} s" for metric, limit in limits.items())
        return replace(found, estimator=f"requests with {words}; {found.estimator}")

    def shown(self) -> Iterator[Shown]:
        """Everything that the requests show, also of the references; what has too few samples is left out."""
        for subject in self.samples:
            reference = None if subject == self.job.name else subject
            for metric, aggregate in SHOWN:
                own = partial(self.interval, metric, aggregate, name=reference)
                yield Shown(label(metric, aggregate), own, reference, scenario=self.scenario.name)

    def details(self) -> Details:
        environment = {
            "machine_digest": machine_digest(),
            "serving": {name: samples.environment for name, samples in self.samples.items()},
            "blocks": {name: len(samples.blocks) for name, samples in self.samples.items()},
            "looks": self.analysis,
            "timings_reused": self.reused,
        }
        return Details(breakdown(self.job, self.scenario, self.samples), environment)


def _share(found: Interval, metric: str) -> Interval:
    """At most all of the roof. More was reached where the roof was probed beside other work, or where weights stay in the
    caches, and an end that others' work left open is no statement about a share."""
    if found.value is None or found.high <= 1.0:
        return found
    note = f"`{metric}` came out as {found.value:.3g} times the roof: the probe saw less of the machine than serving did"
    if found.value <= 1.0:
        return replace(found, high=1.0)
    note = f"{found.note}; {note}" if found.note else note
    return replace(found, value=1.0, low=min(found.low, 1.0), high=1.0, note=note)
