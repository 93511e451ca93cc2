"""Runtimes, latency, memory, quality and the statistics: everything that an evaluation measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infopt_compiler.measure.evaluate import evaluate
    from infopt_compiler.measure.evaluation import Evaluation, Value

__all__ = ["Evaluation", "Value", "evaluate"]


def __getattr__(name: str) -> Any:
    """On demand: the serving process imports this package, and its memory is what is measured."""
    if name == "evaluate":
        from infopt_compiler.measure.evaluate import evaluate

        return evaluate
    if name in ("Evaluation", "Value"):
        from infopt_compiler.measure import evaluation

        return getattr(evaluation, name)
    raise AttributeError(name)
