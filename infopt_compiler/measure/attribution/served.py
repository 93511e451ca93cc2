"""Speed and memory of the stages on the way: a few requests in a few fresh processes, the variants taking turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from infopt_compiler.artifacts import QuantizedModel
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.attribution.stages import NOT_MEASURED, Clock, Point, Stage, distinct, why_not
from infopt_compiler.measure.job import Job, Reading
from infopt_compiler.measure.requests.instrument import Timing
from infopt_compiler.measure.serving.latency import run_block
from infopt_compiler.measure.serving.machine_state import is_busy
from infopt_compiler.measure.serving.samples import Block, BlockSamples
from infopt_compiler.runtimes.registry import find_server
from infopt_compiler.scenario import Scenario, ScenarioMode
from infopt_compiler.targets import predict

_ROUNDS, _REQUESTS, _WARMUP = 2, 2, 1
_START = 8.0  # seconds of a serving process before its first request: torch, and the weights
_DECODER, _ENCODER = ("ttft", "tpot"), ("latency",)
_MEMORY = "memory.peak"
_NOT_SERVED = Point(
    None, "not served", "integer weights are served once they are exported: their effect is in the next step"
)


@dataclass
class _Run:
    """What was served, by digest, and why the others were not."""

    blocks: dict[str, list[Block]]
    reasons: dict[str, Point]


def served_points(
    job: Job, stages: Sequence[Stage], readings: Sequence[Reading], clock: Clock
) -> dict[str, list[Point]]:
    """p50 of ttft and tpot (of an encoder: of latency) and `memory.peak`; empty without a scenario."""
    if job.scenario is None:
        return {}
    metrics = (*(_ENCODER if job.scenario.generate == 0 else _DECODER), _MEMORY)
    if job.scenario.generate == 1:
        metrics = ("ttft", _MEMORY)
    if not job.target.here:
        return {_label(m): [_predicted(job, stage, _label(m)) for stage in stages] for m in metrics}
    run = _serve(job, stages, clock)
    timing = next((one for one in readings if isinstance(one, Timing)), None)
    if timing is not None and not run.blocks:  # switched off: what the budget measured is known all the same
        run.blocks = {job.subject.digest: list(timing.samples[job.name].blocks)}
    return {_label(m): [_point(job, stage, m, run) for stage in stages] for m in metrics}


def _label(metric: str) -> str:
    return metric if metric == _MEMORY else f"{metric}.p50"


def _serve(job: Job, stages: Sequence[Stage], clock: Clock) -> _Run:
    """Two blocks of everything that can be served, in turns; a record where the same was measured here before."""
    assert job.scenario is not None
    # Of a queue the wait would be attributed: one request after another shows the artifact.
    busy = (ScenarioMode.offline, ScenarioMode.server)
    scenario = replace(job.scenario, mode=ScenarioMode.single) if job.scenario.mode in busy else job.scenario
    run = _Run({}, {})
    chosen = _servable(job, stages, scenario, clock, run)
    texts = job.data.get(scenario.prompts or "")
    artifacts = {stage.artifact.digest: stage.artifact for stage in chosen}
    key = job.timing_key(artifacts, scenario, [f"attribution {_ROUNDS} x {_REQUESTS}"])
    known = job.records.record(key)
    if known is not None:
        run.blocks = {digest: list(BlockSamples.from_json(found).blocks) for digest, found in known.items()}
        return run
    _rounds(job, chosen, scenario, texts.path if texts is not None else None, clock, run)
    whole = len(run.blocks) == len(chosen) and all(len(blocks) == _ROUNDS for blocks in run.blocks.values())
    # What others disturbed is not kept: the next build may find a quieter machine.
    if whole and not any(is_busy(block.state) for blocks in run.blocks.values() for block in blocks):
        job.records.put_record(
            key, {digest: BlockSamples(tuple(blocks)).to_json() for digest, blocks in run.blocks.items()}
        )
    return run


def _servable(job: Job, stages: Sequence[Stage], scenario: Scenario, clock: Clock, run: _Run) -> list[Stage]:
    """The stages to serve; of the others `run.reasons` says why not, with a prediction where serving would take too long."""
    chosen = []
    for stage in distinct(stages):
        digest = stage.artifact.digest
        if isinstance(stage.artifact, QuantizedModel):
            run.reasons[digest] = _NOT_SERVED
        elif find_server(stage.artifact) is None:
            run.reasons[digest] = Point(None, "not served", f"nothing here serves a {stage.artifact.kind}")
        elif job.settings.attribution and _seconds(job, stage, scenario) > job.settings.attribution_seconds:
            run.reasons[digest] = Point(None, "predicted", "serving it would take longer than is allowed")
        else:
            chosen.append(stage)
    return chosen


def _seconds(job: Job, stage: Stage, scenario: Scenario) -> float:
    """About what all blocks of a stage take, by arithmetic; what ships is served whatever it takes."""
    if stage.spec is None or stage.artifact.digest == job.subject.digest:
        return 0.0
    found = predict(stage.spec, job.target, scenario).get("latency.p50")
    return _ROUNDS * (_START + (_REQUESTS + _WARMUP) * found.value) if found else 0.0


def _rounds(
    job: Job, chosen: Sequence[Stage], scenario: Scenario, prompts: Path | None, clock: Clock, run: _Run
) -> None:
    """Blocks until all rounds are done or the clock is; a process that fails leaves its words."""
    total = _ROUNDS * len(chosen)
    for number in range(_ROUNDS):
        for done, stage in enumerate(chosen if number % 2 == 0 else chosen[::-1]):
            digest = stage.artifact.digest
            if clock.left <= 0:
                run.reasons.setdefault(digest, why_not(job.settings.attribution))
                continue
            job.progress(number * len(chosen) + done, total, f"serving {stage.name}")
            try:
                block, _ = run_block(
                    stage.artifact, scenario, _REQUESTS, _WARMUP, job.settings.seed + number, prompts
                )
            except DiagnosticError as failure:
                run.reasons[digest] = Point(None, NOT_MEASURED, failure.diagnostics[0].message)
                continue
            run.blocks.setdefault(digest, []).append(block)


def _point(job: Job, stage: Stage, metric: str, run: _Run) -> Point:
    digest = stage.artifact.digest
    blocks = run.blocks.get(digest, [])
    values = [values for values in BlockSamples(tuple(blocks)).values(metric) if values]
    if values:
        count = sum(map(len, values))
        note = f"{count} samples in {len(values)} processes"
        note += ", few: differences within their range say nothing" if len(blocks) <= _ROUNDS else ""
        disturbed = metric != _MEMORY and any(is_busy(block.state) for block in blocks)
        note += "; the machine was busy, so this may be far too slow" if disturbed else ""
        each = [median(block) for block in values]
        pooled = [value for block in values for value in block]
        value = max(pooled) if metric == _MEMORY else median(pooled)
        return Point(value, "measured", note, min(each), max(each))
    reason = run.reasons.get(digest) or why_not(job.settings.attribution)
    return _predicted(job, stage, _label(metric), reason.note) if reason.basis == "predicted" else reason


def _predicted(job: Job, stage: Stage, label: str, why: str = "the target is not this machine") -> Point:
    assert job.scenario is not None
    if isinstance(stage.artifact, QuantizedModel):
        return _NOT_SERVED
    if stage.spec is None:
        return Point(None, NOT_MEASURED, "the model's shapes are unknown")
    found = predict(stage.spec, job.target, job.scenario).get(label)
    if found is None:
        return Point(None, NOT_MEASURED, f"`{label}` cannot be predicted")
    return Point(found.value, "predicted", why, found.low, found.high)
