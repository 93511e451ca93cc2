"""The parameters of `select`, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from infopt_compiler.passes.base import param
from infopt_compiler.passes.select.requirement import QUALITY_METRICS, required_metrics
from infopt_compiler.units import Dimension


class Prefer(str, Enum):
    smallest = "smallest"  # fewest bytes of weights; larger ones only for a significant gain
    best = "best"  # least bits per byte; a smaller one where the difference is not significant
    fastest = "fastest"  # fewest bytes read per token; larger ones only for a significant gain


@dataclass(kw_only=True)
class SelectParameters:
    """What a recipe says of a choice among models."""

    prefer: Prefer = param(Prefer.smallest, "which candidate is tried first")
    require: list[str] = param(
        [], "bounds that a candidate must meet: `perplexity`, `bits_per_byte`, `size`", requirement=True
    )
    gain: str = param(
        "2%",
        "least relative gain in bits per byte for which a larger candidate is taken",
        dimension=Dimension.fraction,
    )
    confidence: str = param(
        "95%", "confidence of the paired interval that must show the gain", dimension=Dimension.fraction
    )
    bits: int = param(
        32, "bits per weight with which the fit into the target's memory is judged", choices=(4, 8, 16, 32)
    )
    context: str = param(
        "2048 tokens", "tokens whose keys and values must fit, too", dimension=Dimension.tokens
    )

    def measures(self, candidates: int) -> bool:
        """Whether choosing among that many candidates needs quality measurements."""
        return candidates > 1 or bool(required_metrics(self.require) & QUALITY_METRICS)
