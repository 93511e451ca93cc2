"""How fast this machine trains, as shares of what was probed of it, and the operations of a model. Multiply-adds count twice.

Four figures, fitted to whole runs on two AMD EPYC cores (AVX-512 BF16) and to single operations there; they contain what
comes with the products: norms, activations, softmaxes, copies.
"""

from __future__ import annotations

from dataclasses import dataclass

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.targets.cluster import Link
from infopt_compiler.targets.model import Target

FLOPS, BANDWIDTH = 125e9, 33e9  # of two cores, where the machine is not known
FLOAT32 = (
    0.55  # of the probed float32 operations: forwards in float32, and those that convert their weights anew
)
BFLOAT16 = 1.1  # of the same: training and reading with weights at hand in bfloat16
MEMORY = 0.5  # of the probed bandwidth: chains of element-wise operations on weights
DISK = 0.4e9  # bytes/s of checkpoints, which are synced
LINK = Link(0.7e9, 4e-5, 1.2e-3)  # between processes of one machine (gloo)


@dataclass(frozen=True)
class Rates:
    """Operations per second in float32, and in what is trained in; bytes per second; what joins the processes."""

    float32: float
    trained: float
    memory: float
    link: Link

    @classmethod
    def of(cls, target: Target, *, floats16: bool) -> Rates:
        known = target.here and target.flops
        flops, bandwidth = (target.flops, target.bandwidth) if known else (FLOPS, BANDWIDTH)
        link = target.cluster.inside if target.cluster is not None else LINK
        return cls(flops * FLOAT32, flops * (BFLOAT16 if floats16 else FLOAT32), bandwidth * MEMORY, link)


def layer_operations(model: ModelSpec, length: int) -> float:
    """Of one token in one layer of a forward; `length`: of the window that it stands in."""
    linear = 2 * model.linear_parameters * model.active_share / model.layers
    seen = length / 2 if model.family.generates else length  # a decoder looks back only
    return linear + 4 * seen * model.heads * model.head_dim


def forward_operations(model: ModelSpec, length: int) -> float:
    """Of one token, its head included."""
    return model.layers * layer_operations(model, length) + 2 * model.head_parameters
