"""What requests to serving processes showed: values of each metric, their ratios, and what lies behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from infopt_compiler.budget import Bound, Interval, request_limits
from infopt_compiler.measure.job import Details, Job, Own, Reading, Shown, label
from infopt_compiler.measure.requests.breakdown import breakdown
from infopt_compiler.measure.requests.estimate import (
    estimate,
    estimate_rate,
    estimate_ratio,
    open_fast_end,
    quotient,
)
from infopt_compiler.measure.requests.overload import open_ratio, open_slow_end
from infopt_compiler.measure.serving.latency import confidence_of_look
from infopt_compiler.measure.serving.machine_state import trusted
from infopt_compiler.measure.serving.samples import SERVED_METRICS, BlockSamples
from infopt_compiler.metrics import LATENCY_METRICS
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import least_seconds, machine_digest

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
    """Samples of the subject and of each reference by binding, and at which look at them the sampling stopped."""

    job: Job
    scenario: Scenario
    samples: dict[str, BlockSamples]
    look: int
    last: bool
    reused: bool = False

    def interval(
        self, metric: str, aggregate: str | None, confidence: float, name: str | None = None
    ) -> Interval:
        """A metric of the subject (or of reference `name`); each limit holds with `confidence` over all looks."""
        level = confidence_of_look(confidence, self.look, self.last)
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
        level = confidence_of_look(confidence, self.look, self.last)
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
        kept, disturbed = trusted(samples)
        found = estimate_rate(kept, kept.good_rates(limits), level)
        found = open_fast_end(found, "goodput") if disturbed else found
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
            "looks": self.look,
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
