"""Machines: descriptions, this machine's identity and probe, and predictions by arithmetic."""

from infopt_compiler.targets.catalog import TARGETS, find_target
from infopt_compiler.targets.machine import machine_digest, machine_identity
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.predict import Predicted, Workload, floor, predict, sizes

__all__ = [
    "TARGETS",
    "Predicted",
    "Target",
    "Workload",
    "find_target",
    "floor",
    "machine_digest",
    "machine_identity",
    "predict",
    "sizes",
]
