"""Whether a candidate fits a target's memory."""

from __future__ import annotations

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.targets.model import Target


def required_bytes(spec: ModelSpec, target: Target, *, bits: int, context: int) -> float:
    """Bytes needed to serve: weights at `bits` (scales left out), keys and values of `context` tokens, the runtime.

    Keys and values are float32 where weights are, else 2 bytes each, which is the least that runtimes hold.
    """
    weights = spec.parameters * bits / 8
    return weights + spec.kv_bytes(context, 4 if bits == 32 else 2) + target.runtime_bytes


def fits(spec: ModelSpec, target: Target, *, bits: int, context: int) -> bool:
    """Whether one device of the target holds it."""
    return required_bytes(spec, target, bits=bits, context=context) <= target.memory_bytes
