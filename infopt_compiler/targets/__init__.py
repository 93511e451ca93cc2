"""Machines: descriptions, this machine's identity and probe, and predictions by arithmetic."""

from infopt_compiler.targets.arithmetic import least_seconds, seconds_at_peak
from infopt_compiler.targets.catalog import TARGETS, find_target
from infopt_compiler.targets.errors import SeenError, error_key, record_errors, seen_errors
from infopt_compiler.targets.floor import floor
from infopt_compiler.targets.machine import machine_digest, machine_identity
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.predict import Workload, predict, sizes
from infopt_compiler.targets.predicted import Predicted
from infopt_compiler.targets.timed import Rates, kernels_of

__all__ = [
    "TARGETS",
    "Predicted",
    "Rates",
    "SeenError",
    "Target",
    "Workload",
    "error_key",
    "find_target",
    "floor",
    "kernels_of",
    "least_seconds",
    "machine_digest",
    "machine_identity",
    "predict",
    "record_errors",
    "seconds_at_peak",
    "seen_errors",
    "sizes",
]
