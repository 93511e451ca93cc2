"""Round to nearest, every weight by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from infopt_compiler.passes.quantize.method import Method, Observer

if TYPE_CHECKING:
    from torch import Tensor

    from infopt_compiler.passes.quantize.grid import Grid
    from infopt_compiler.passes.quantize.solve import Solved


@dataclass(frozen=True, kw_only=True)
class RoundToNearest(Method):
    name: ClassVar[str] = "rtn"
    summary: ClassVar[str] = "Rounds every weight to the nearest value, with scales of least squared error."

    scale_search: bool = True

    def solve(self, w_KR: Tensor, grid: Grid, seen: Observer | None) -> Solved:
        from infopt_compiler.passes.quantize.solve import solve_nearest

        return solve_nearest(w_KR, grid, self.scale_search)
