"""What a forward pass takes at the highest rates that this machine reaches in the arithmetic of the artifact.

Integers have a rate of their own, far above that of floats: an int8 artifact measured by the float peak would use more
than all of the machine. It is that of one large square product of int8 in onnxruntime, timed once, also for operators that
store fewer bits and multiply in int8: what they lose by unpacking is theirs, not the machine's.
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

_PRODUCT = "int8"  # see `kernels`
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
    layers = _rate(_multiplies_integers(spec, spec.linear, spec.served.level), target)
    last = _rate(_multiplies_integers(spec, spec.head, spec.served.head_level), target)
    if layers is None or last is None:
        return None
    return linears / layers + attention / target.flops + head / last


def _multiplies_integers(spec: ModelSpec, weights: WeightFormat, level: int | None) -> bool:
    return weights.bits < 16 and (not spec.family.generates or level in (_INTEGERS, None))


def _rate(integers: bool, target: Target) -> float | None:
    """Operations per second; of integers only on this machine, where its constants are the probed ones. A machine that is
    slow at integers may multiply them as floats."""
    if not integers:
        return target.flops
    if not target.here or target.name != "cpu" or find_target("cpu").flops != target.flops:
        return None
    rate = integer_rate(target.cores)
    return None if rate is None else max(rate, target.flops)


@cache
def integer_rate(cores: int) -> float | None:
    """Operations per second of a large product of integers on all cores; None where it cannot be timed."""
    from infopt_compiler.targets.rates import kernel_rates

    kind = f"{_PRODUCT}:{_SIDE}:{_SIDE}:{_MEGABYTES}@{cores}"
    try:
        seconds: list[float] = kernel_rates([kind])[kind]
    except (OSError, RuntimeError):
        return None
    return max(2.0 * rows * _SIDE**2 / taken for rows, taken in zip(ROWS, seconds, strict=True))
