"""The part of an evaluation that runs requests: sampled until its bounds are decided, or read from a record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from infopt_compiler.artifacts import Artifact
from infopt_compiler.budget import Bound, Interval, Verdict, judge, request_limits
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.last import Own, is_settled, judge_last
from infopt_compiler.measure.records import timing_key
from infopt_compiler.measure.requests.estimate import (
    estimate,
    estimate_rate,
    estimate_ratio,
    open_fast_end,
    quotient,
)
from infopt_compiler.measure.requests.overload import open_ratio, open_slow_end
from infopt_compiler.measure.serving.latency import confidence_of_look, sample
from infopt_compiler.measure.serving.machine_state import busy, check_quiet, load_averages, trusted
from infopt_compiler.measure.serving.samples import SERVED_METRICS, BlockSamples
from infopt_compiler.metrics import Needs
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import least_seconds


@dataclass(frozen=True)
class Timing:
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

    def ratio(self, bound: Bound) -> Interval:
        """The subject over the bound's reference, blocks paired."""
        confidence = self.job.confidence(bound)
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


def measure_timing(job: Job) -> Timing | None:
    """Serve the subject and the references of relative bounds; None without a scenario and without such bounds.

    With neither bounds nor a record the smallest number of blocks is run, so that the report has its values.
    """
    if job.scenario is None:
        for bound in job.needing(Needs.scenario):
            message = f"`{bound.name}` needs requests, and the budget names no scenario"
            raise DiagnosticError(error("E0909", message, bound.span, help="write `under` and a scenario"))
        return None
    bounds = job.needing(Needs.scenario)
    _check_context(job, job.scenario, bounds)
    variants = _variants(job, bounds)
    texts = job.data.get(job.scenario.prompts or "")
    key = timing_key(variants, job.scenario, job.settings, [_asked(job, bound) for bound in bounds], texts)
    scenario = job.scenario

    def decided(found: dict[str, BlockSamples], look: int, last: bool) -> bool:
        timing = Timing(job, scenario, found, look, last)
        return all(_is_decided(timing, bound) for bound in bounds)

    known = job.records.record(key)
    if known is not None:
        timing = _from_record(job, job.scenario, known, list(variants))
        # What is not in the key (a price, a probed bandwidth) may have opened a bound again.
        if decided(timing.samples, timing.look, timing.last):
            return timing
    prompts = texts.path if texts is not None else None
    before = check_quiet(job.settings.refuse_busy)
    samples, look, last = sample(variants, job.scenario, job.settings, decided, job.progress, prompts)
    if job.settings.refuse_busy and any(trusted(found)[1] for found in samples.values()):
        raise busy("others used the cores during most blocks of requests")
    own = samples[job.name]
    around = {"machine_before": before, "machine_load": load_averages()}  # kept with the record
    samples[job.name] = replace(own, environment={**own.environment, **around})
    timing = Timing(job, job.scenario, samples, look, last)
    # An undecided measurement is not kept: the next build may find a quieter machine.
    if decided(samples, look, last):
        job.records.put_record(key, _to_record(timing))
    return timing


def _check_context(job: Job, scenario: Scenario, bounds: list[Bound]) -> None:
    """The runtime would refuse the requests, with a traceback of its own."""
    context = job.spec.context if job.spec is not None else 0
    if 0 < context < scenario.max_length:
        message = f"requests of `{scenario.name}` take {scenario.max_length} tokens, the model's context holds {context}"
        place = bounds[0].span if bounds else None
        raise DiagnosticError(
            error("E0909", message, place, help="shorten `prompt`, `generate` or `context`")
        )


def judge_served(timing: Timing, bound: Bound) -> tuple[Verdict, Interval, float | None, float | None]:
    """(verdict, interval of the value, limit, ratio), all in base units; a relative limit is the reference's value times the factor."""
    confidence = timing.job.confidence(bound)
    if bound.of_last:
        return judge_last(timing.job, bound, own_of(timing, bound))
    if bound.relative_to is None:
        interval = timing.interval(bound.metric, bound.aggregate, confidence)
        return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None
    reference = timing.interval(bound.metric, bound.aggregate, confidence, bound.relative_to)
    return judge_relative(bound, timing.ratio(bound), reference)


def own_of(timing: Timing, bound: Bound) -> Own:
    """The subject's own value of the bound's metric, at any confidence."""
    return lambda confidence: timing.interval(bound.metric, bound.aggregate, confidence)


def _is_decided(timing: Timing, bound: Bound) -> bool:
    if bound.of_last:
        return is_settled(timing.job, bound, own_of(timing, bound))
    return judge_served(timing, bound)[0] is not Verdict.inconclusive


def judge_relative(
    bound: Bound, ratio: Interval, reference: Interval
) -> tuple[Verdict, Interval, float | None, float | None]:
    """Judge the ratio against the bound's percentage; interval and limit are given in the metric's unit again."""
    verdict = judge(bound, ratio, bound.limit.base)
    if not reference.value or ratio.value is None:
        note = ratio.note or reference.note or "the reference has no value"
        return verdict, replace(ratio, value=None, note=note), None, None
    return verdict, ratio.scaled(reference.value), bound.limit.base * reference.value, ratio.value


def _variants(job: Job, bounds: list[Bound]) -> dict[str, Artifact]:
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
