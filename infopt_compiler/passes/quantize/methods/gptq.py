"""GPTQ (arXiv 2210.17323), its target corrected as in GPTAQ (arXiv 2504.02692), then coordinate descent and a refit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.quantize.method import Cost, Method, Observer

if TYPE_CHECKING:
    from torch import Tensor

    from infopt_compiler.passes.quantize.grid import Grid
    from infopt_compiler.passes.quantize.solve import Solved

TOKENS, WINDOW = 64 * 512, 512
FLOPS = 125e9  # of two cores, where the machine is not known
SYMMETRY = 0.583  # share of a Hessian's blocks that is computed
SEARCH_SECONDS = 45e-9  # per weight: the candidates of a scale search
SWEEP_SECONDS = 50e-9  # per weight: one pass over all columns: GPTQ, descent, refit


@dataclass(frozen=True, kw_only=True)
class Gptq(Method):
    name: ClassVar[str] = "gptq"
    summary: ClassVar[str] = (
        "Layer by layer on the calibration text: quantizes one column after the other, and adjusts the columns still to come for each one's error."
    )
    calibrated: ClassVar[bool] = True

    act_order: bool = True
    scale_search: bool = True
    refine: bool = True
    damp: float = 0.01
    reference: int = 16

    @property
    def reference_windows(self) -> int:
        return self.reference

    def observer(self, width: int) -> Observer:
        from infopt_compiler.passes.quantize.moments import Moments

        return Moments(width)

    def solve(self, w_KR: Tensor, grid: Grid, seen: Observer | None) -> Solved:
        from infopt_compiler.passes.quantize.moments import Moments
        from infopt_compiler.passes.quantize.solve import solve_gptq

        assert isinstance(seen, Moments)
        return solve_gptq(
            seen.target(w_KR),
            seen.hessian(),
            grid,
            act_order=self.act_order,
            scale_search=self.scale_search,
            refined=self.refine,
            damp=self.damp,
        )

    def cost(self, source: ModelSpec, result: ModelSpec, flops: float | None) -> Cost:
        """The arithmetic of forwards and moments over the machine's rate; searches and sweeps are bound by memory."""
        paired = min(TOKENS, self.reference * WINDOW)
        seconds = _products(source, paired) / (flops or FLOPS)
        solved = source.linear_parameters + (source.head_parameters if result.head.bits < 8 else 0)
        seconds += solved * (SEARCH_SECONDS + SWEEP_SECONDS * (3 if self.refine else 1))
        return Cost(seconds, _activation_bytes(source, paired))


def _products(model: ModelSpec, paired: int) -> float:
    """Operations of the forwards (all tokens once, paired ones twice) and of the second moments."""
    shapes = list(model.linear_shapes().values())
    forward = 2 * sum(rows * columns for rows, columns in shapes)
    forward += 2 * WINDOW * model.heads * model.head_dim * 2
    inner = model.heads * model.head_dim
    moments = 2 * sum(width * width for width in (model.hidden, inner, model.hidden, model.intermediate))
    shifts = 4 * model.hidden**2 + 4 * model.hidden * (inner + model.intermediate)
    return model.layers * (TOKENS * (forward + SYMMETRY * moments) + paired * (forward + shifts))


def _activation_bytes(model: ModelSpec, paired: int) -> float:
    return 4 * ((TOKENS + paired) * model.hidden + TOKENS * max(model.intermediate, model.hidden))
