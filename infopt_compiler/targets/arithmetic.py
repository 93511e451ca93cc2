"""What a forward pass takes at the highest rates that this machine reaches in the arithmetic of the artifact.

Integers have a rate of their own, far above that of floats: an int8 artifact measured by the float peak would use more
than all of the machine. The rate of an operator is that of one large square product in onnxruntime, timed once.
"""

from __future__ import annotations

from functools import cache

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.model_spec import WeightFormat
from infopt_compiler.targets.catalog import find_target
from infopt_compiler.targets.kernels import ROWS
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.predict import Workload
from infopt_compiler.targets.roofline import prefill_parts

_SIDE = 1536  # as of the float probe
_MEGABYTES = 8
_INTEGERS = 4  # the accuracy level at which `MatMulNBits` multiplies integers; below it the weights become floats first


def least_seconds(spec: ModelSpec, target: Target, workload: Workload) -> float | None:
    """Of the products of one forward pass over all prompts; None where a rate that it needs is not known."""
    return seconds_at_peak(spec, target, *prefill_parts(spec, workload))


def seconds_at_peak(
    spec: ModelSpec, target: Target, linears: float, attention: float, head: float
) -> float | None:
    """Of so many operations in each; None where a rate that they need is not known."""
    layers = _rate(_operator(spec, spec.linear, spec.served.level), target)
    last = _rate(_operator(spec, spec.head, spec.served.head_level), target)
    if layers is None or last is None:
        return None
    return linears / layers + attention / target.flops + head / last


def _operator(spec: ModelSpec, weights: WeightFormat, level: int | None) -> str | None:
    """The operator that multiplies integers (see `kernels`); None where floats are multiplied."""
    if weights.bits >= 16:
        return None
    if spec.is_encoder:
        return "int8"
    return f"nbits:{weights.bits}:{weights.group}:{_INTEGERS}" if level in (_INTEGERS, None) else None


def _rate(operator: str | None, target: Target) -> float | None:
    """Operations per second; of integers only on this machine, where its constants are the probed ones."""
    if operator is None:
        return target.flops
    if not target.here or target.name != "cpu" or find_target("cpu").flops != target.flops:
        return None
    return integer_rate(operator, target.cores)


@cache
def integer_rate(operator: str, cores: int) -> float | None:
    """Operations per second of a large product on all cores; None where it cannot be timed."""
    from infopt_compiler.targets.rates import kernel_rates

    kind = f"{operator}:{_SIDE}:{_SIDE}:{_MEGABYTES}@{cores}"
    try:
        seconds: list[float] = kernel_rates([kind])[kind]
    except (OSError, RuntimeError):
        return None
    return max(2.0 * rows * _SIDE**2 / taken for rows, taken in zip(ROWS, seconds, strict=True))
