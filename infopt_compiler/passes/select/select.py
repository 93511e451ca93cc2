"""The pass `select`: which of the candidates serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from infopt_compiler.artifacts import HFModel, ModelSpec, TextData
from infopt_compiler.passes.base import Estimate, Pass, Problem, RunContext
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.passes.select.parameters import SelectParameters
from infopt_compiler.passes.select.requirement import requirement_problems
from infopt_compiler.targets.model import Target
from infopt_compiler.units import parse_quantity

_WINDOW_TOKENS = 64 * 512  # the held-out text of an estimate, which knows no data yet


@register_pass
@dataclass(kw_only=True)
class Select(SelectParameters, Pass):
    """Choose one of the candidates: the smallest that meets the requirements, a larger one only for a significant gain.

    Gains are paired differences of bits per byte on the same windows, their interval bootstrapped over whole
    documents (arXiv 2411.00640), so candidates with different tokenizers are comparable. Candidates that cannot
    fit the target's memory are refused before anything is loaded.
    """

    name: ClassVar[str] = "select"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"candidates": tuple[HFModel, ...], "on": TextData | None}
    output: ClassVar[type[HFModel]] = HFModel
    chooses_by_measuring: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    target_fields: ClassVar[tuple[str, ...]] = ("memory_bytes", "runtime_bytes")

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        yield from requirement_problems(self.require)
        if not 0 <= parse_quantity(self.gain).base < 1:
            yield Problem("`gain` must be at least 0% and less than 100%", "gain")
        if not 0.5 < parse_quantity(self.confidence).base < 1:
            yield Problem("`confidence` must lie between 50% and 100%", "confidence")

    def check_inputs(self, given: Mapping[str, int]) -> Iterator[Problem]:
        """Measuring needs text: neither several candidates nor a requirement of quality can be judged without `on`."""
        if given.get("on"):
            return
        if self.measures(given.get("candidates", 0)):
            yield Problem(
                "`select` must measure quality here, and no text is given",
                help="add `on = heldout`, a `data` binding",
            )

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """Loading and one forward pass over the held-out text; nothing but links where nothing must be measured."""
        output = 1e6  # links; only the file names are new
        if not self.measures(1):
            return Estimate(0.3, 25e6, output)
        seconds = 10 + 2 * model.bytes_per_token / 4 * _WINDOW_TOKENS / target.flops
        return Estimate(seconds, 0.6e9 + 1.3 * model.weight_bytes, output)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        from infopt_compiler.passes.select.run import run_select

        return run_select(self, ctx, inputs["candidates"], inputs.get("on"))
