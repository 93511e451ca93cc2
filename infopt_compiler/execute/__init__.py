"""Workers in their own process, resume, and the engine `local`."""

from infopt_compiler.execute.events import Events, Silent
from infopt_compiler.execute.options import ExecuteOptions
from infopt_compiler.execute.run import Execution, PassRun, run_graph

__all__ = ["Events", "ExecuteOptions", "Execution", "PassRun", "Silent", "run_graph"]
