"""The pass graph: build, verify, order, cache keys, explain."""

from infopt_compiler.graph.again import NEVER, Again
from infopt_compiler.graph.build import build_graph
from infopt_compiler.graph.explain import explain
from infopt_compiler.graph.keys import Key, library_versions, step_key
from infopt_compiler.graph.model import DataStep, Graph, ModelStep, PassStep, Step
from infopt_compiler.graph.verify import verify

__all__ = [
    "NEVER",
    "Again",
    "DataStep",
    "Graph",
    "Key",
    "ModelStep",
    "PassStep",
    "Step",
    "build_graph",
    "explain",
    "library_versions",
    "step_key",
    "verify",
]
