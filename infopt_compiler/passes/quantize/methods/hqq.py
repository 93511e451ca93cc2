"""HQQ: half-quadratic quantization (Badri and Shaji, 2023, mobiusml.github.io/hqq_blog), which needs no text.

A few weights of a group lie far out, and least squares lets them pull scale and zero point away from all others. Here a
residual d costs |d|^p with p < 1. Half-quadratic splitting: minimise |o|^p + β/2 (d - o)² over an auxiliary variable o (a
generalized soft threshold), then over the zero point, where the mean is the minimum; β grows from step to step.

The authors keep zero points in floats and scales as they are. Our artifacts have whole zero points, so these are rounded, and
the scales are then fitted to them by the same splitting, as they are on a symmetric lattice from the start. Residuals are
counted in steps of the lattice: what comes out does not depend on how large a matrix's weights are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.quantize.method import Cost, Method, Observer

if TYPE_CHECKING:
    from torch import Tensor

    from infopt_compiler.passes.quantize.grid import Grid, Scales
    from infopt_compiler.passes.quantize.solve import Solved

NORM, GROWTH, STEPS = 0.7, 1.01, 20  # p, how β grows and how often: the authors' settings
BETA = 30.0  # of residuals in steps: below about a fourteenth of a step nothing is an outlier (10 and 100 lost more)
STEP_SECONDS = 5e-9  # per weight, on two AVX2 cores


@dataclass(frozen=True, kw_only=True)
class Hqq(Method):
    name: ClassVar[str] = "hqq"
    summary: ClassVar[str] = (
        "Rounds to nearest, with scales and zero points that few outliers do not pull away (half-quadratic splitting)."
    )

    def solve(self, w_KR: Tensor, grid: Grid, seen: Observer | None) -> Solved:
        from infopt_compiler.passes.quantize.grid import CHUNK_ELEMENTS, Scales, grouped, minmax
        from infopt_compiler.passes.quantize.solve import require_finite, rounded

        require_finite(w_KR)
        scales = minmax(w_KR, grid)
        rows = max(1, CHUNK_ELEMENTS // w_KR.shape[0])
        for begin in range(0, w_KR.shape[1], rows):
            part = slice(begin, begin + rows)
            w = grouped(w_KR[:, part].contiguous(), grid.group)
            found = _fit(w, Scales(scales.scale_GR[:, part], scales.zero_GR[:, part]), grid)
            scales.scale_GR[:, part], scales.zero_GR[:, part] = found.scale_GR, found.zero_GR
        return rounded(w_KR, scales, grid)

    def cost(self, source: ModelSpec, result: ModelSpec, flops: float | None) -> Cost:
        loops = 1 if result.linear.symmetric else 2
        return Cost(STEP_SECONDS * STEPS * loops * source.linear_parameters)


def _fit(w: Tensor, start: Scales, grid: Grid) -> Scales:
    """Whole zero points, then scales, of groups (G, g, R)."""
    from infopt_compiler.passes.quantize.grid import Scales

    zero_GR = start.zero_GR
    if not grid.symmetric:
        zero_GR = _zero_points(w / start.scale_GR.unsqueeze(1), zero_GR, grid).round_().clamp_(0, grid.top)
    return Scales(_scales(w, start.scale_GR, zero_GR, grid), zero_GR)


def _zero_points(steps: Tensor, zero_GR: Tensor, grid: Grid) -> Tensor:
    """Zero points in floats, for weights (G, g, R) in steps."""
    beta = BETA
    for _ in range(STEPS):
        at = steps + zero_GR.unsqueeze(1)
        residual = at - at.round().clamp_(0, grid.top)
        outlier, _ = _threshold(residual, beta)
        zero_GR = zero_GR - (residual - outlier).mean(1)
        beta *= GROWTH
    return zero_GR


def _scales(w: Tensor, scale_GR: Tensor, zero_GR: Tensor, grid: Grid) -> Tensor:
    """Of the scales (G, R) on the way those that cost least: the sum of |w - ŵ|^p."""
    import torch

    best_GR, least_GR, beta = scale_GR, torch.full_like(scale_GR, torch.inf), BETA
    for _ in range(STEPS + 1):
        steps, zero = w / scale_GR.unsqueeze(1), zero_GR.unsqueeze(1)
        centred = (steps + zero).round_().clamp_(0, grid.top).sub_(zero)
        outlier, cost = _threshold(steps - centred, beta)
        cost_GR = cost.sum(1) * scale_GR.abs().pow(NORM)
        best_GR = scale_GR.where(cost_GR < least_GR, best_GR)
        least_GR = torch.minimum(cost_GR, least_GR)
        along, norm = (centred * (steps - outlier)).sum(1), centred.square().sum(1)
        scale_GR = torch.where(along > 0, scale_GR * along / norm.clamp_min(1e-30), scale_GR)
        beta *= GROWTH
    return best_GR


def _threshold(residual: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """The generalized soft threshold sign(d) max(0, |d| - |d|^(p-1) / β), and |d|^p."""
    size = residual.abs().clamp_min_(1e-6)
    power = size.pow(NORM - 1)
    return (size - power / beta).clamp_min_(0).copysign_(residual), size * power
