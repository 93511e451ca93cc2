"""What the peak of resident memory is made of: measured at four moments of a serving process, and counted against that."""

from __future__ import annotations

from statistics import median
from typing import Any

from infopt_compiler.artifacts import Artifact, ModelSpec
from infopt_compiler.measure.files.size import weight_file_bytes
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.requests.instrument import Timing
from infopt_compiler.measure.serving.samples import Block, BlockSamples
from infopt_compiler.targets import predict

_FIRST = 512  # tokens, then twice that and so on, of `kv_by_context`
_MEASURED = (
    "measured: the runtime before the artifact is opened, what opening it added, what requests added; "
    "the KV cache is the counted part of the last, in fp32"
)
_WITHOUT_KV = (
    "measured: the runtime before the artifact is opened, what opening it added, what requests added"
)


def memory_row(job: Job, timing: Timing, name: str) -> dict[str, Any]:
    """The process with the highest peak: runtime (`bare`), what opening the artifact added, what requests added on top.

    `kv_bytes` is counted from the shapes and lies within what requests added; `other_bytes` is the rest of that.
    """
    samples, spec = timing.samples[name], spec_of(job, name)
    block = max(samples.blocks, key=lambda one: one.peak)
    decodes = spec is not None and bool(gaps_of(samples))
    per_token = spec.kv_bytes(1) * sequences_of(samples) if spec is not None and decodes else 0
    tokens = timing.scenario.max_length
    predicted = predict(spec, job.target, timing.scenario).get("memory.peak") if spec is not None else None
    return {
        "weights_bytes": weight_file_bytes(_artifact(job, name)),
        "kv_bytes": per_token * tokens,
        "kv_bytes_per_token": per_token,
        "kv_by_context": _by_context(spec, per_token, tokens),
        **_parts(block, per_token * tokens),
        "peak_bytes": block.peak,
        "steady_bytes": int(median(samples.pooled("memory.steady"))),
        "gpu_bytes": max((one.gpu for one in samples.blocks if one.gpu is not None), default=None),
        "predicted_peak_bytes": round(predicted.value) if predicted else None,
        "predicted_as": predicted.arithmetic if predicted else None,
        "context_tokens": tokens,
        "note": _MEASURED if decodes else _WITHOUT_KV,
    }


def _parts(block: Block, kv_bytes: int) -> dict[str, int]:
    """The four that add up to the peak. What opening takes for a moment and gives back counts as what requests added."""
    loaded = max(0, block.loaded - block.bare)
    requests = block.peak - block.bare - loaded
    return {
        "runtime_bytes": block.bare,
        "loaded_bytes": loaded,
        "requests_bytes": requests,
        "other_bytes": requests - kv_bytes,
    }


def _by_context(spec: ModelSpec | None, per_token: int, tokens: int) -> list[dict[str, int]]:
    """The KV cache at the scenario's length and at doubling ones up to the model's context."""
    if spec is None or not per_token:
        return []
    lengths = {tokens, spec.context or tokens}
    length = _FIRST
    while length < (spec.context or 0):
        lengths.add(length)
        length *= 2
    return [{"tokens": count, "bytes": count * per_token} for count in sorted(lengths)]


def gaps_of(samples: BlockSamples) -> list[tuple[float, ...]]:
    """The gaps between tokens of every request that had some."""
    return [request.gaps for block in samples.blocks for request in block.requests if request.gaps]


def sequences_of(samples: BlockSamples) -> int:
    """Of a request: a batch has several."""
    return round(median(request.sequences for block in samples.blocks for request in block.requests))


def spec_of(job: Job, name: str) -> ModelSpec | None:
    return job.spec if name == job.name else job.specs.get(name)


def _artifact(job: Job, name: str) -> Artifact:
    return job.subject if name == job.name else job.artifacts[name]
