"""A method of quantization: scales that are powers of two, so that a multiplication is a shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from infopt_compiler.passes.quantize.method import Method, Observer

if TYPE_CHECKING:
    from torch import Tensor

    from infopt_compiler.passes.quantize.grid import Grid
    from infopt_compiler.passes.quantize.solve import Solved


@dataclass(frozen=True, kw_only=True)
class PowerOfTwo(Method):
    name: ClassVar[str] = "power_of_two"
    summary: ClassVar[str] = "Rounds to nearest, with scales that are powers of two."

    def solve(self, w_KR: Tensor, grid: Grid, seen: Observer | None) -> Solved:
        """Weights of K inputs and R outputs; each scale is raised to the next power of two, so nothing is clipped."""
        from infopt_compiler.passes.quantize.grid import Scales, dequantize, minmax, quantize
        from infopt_compiler.passes.quantize.solve import Solved

        tight = minmax(w_KR, grid)  # of a symmetric grid with a sign
        scale_GR = tight.scale_GR.sign() * tight.scale_GR.abs().log2().ceil().exp2()
        scales = Scales(scale_GR, (tight.zero_GR * tight.scale_GR / scale_GR).round())
        if grid.symmetric:
            scales = Scales(scale_GR, tight.zero_GR)
        q_KR = quantize(w_KR, scales, grid)
        error = (dequantize(q_KR, scales, grid) - w_KR).square().sum() / w_KR.square().sum()
        return Solved(q_KR, scales, grid, float(error))
