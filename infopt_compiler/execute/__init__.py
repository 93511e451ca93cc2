"""Workers in their own process, resume, and the engine `local`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infopt_compiler.execute.events import Events, Silent
from infopt_compiler.execute.options import ExecuteOptions

if TYPE_CHECKING:
    from infopt_compiler.execute.run import Execution, PassRun, run_graph

__all__ = ["Events", "ExecuteOptions", "Execution", "PassRun", "Silent", "run_graph"]


def __getattr__(name: str) -> Any:
    """On demand: a worker imports this package, and needs neither the graph nor the language."""
    if name in ("Execution", "PassRun", "run_graph"):
        from infopt_compiler.execute import run

        return getattr(run, name)
    raise AttributeError(name)
