"""Machines by name. `cpu` is this one, probed when asked for; the others are descriptions from data sheets."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from infopt_compiler.diagnostics import DiagnosticError, did_you_mean, error
from infopt_compiler.targets.clusters import CLUSTERS, GLOO
from infopt_compiler.targets.efficiency import CPU
from infopt_compiler.targets.model import Target

USD_PER_CORE_HOUR = 0.0504  # m7i on demand, per vCPU: what this machine's cores are priced at unless set

_H100 = Target(
    name="h100",
    memory_bytes=80e9,
    bandwidth=3.35e12,
    flops=989e12,
    usd_per_hour=3.933,
    cores=132,
    node_seconds=3e-6,
    runtime_bytes=1.5e9,
    cache_bytes=50e6,
    source="NVIDIA H100 data sheet, SXM: 80 GB HBM3, 3.35 TB/s, 989 TFLOP/s dense bf16; "
    "price: AWS p5.4xlarge, one H100, us-east-1 on demand",
)
_G5_XLARGE = Target(
    name="g5_xlarge",
    memory_bytes=24e9,
    bandwidth=600e9,
    flops=70e12,
    usd_per_hour=1.006,
    cores=80,
    node_seconds=4e-6,
    runtime_bytes=1.0e9,
    cache_bytes=6e6,
    source="NVIDIA A10G: 24 GB GDDR6, 600 GB/s, 70 TFLOP/s dense bf16 (AWS G5 page and A10 data sheet); "
    "price: us-east-1 on demand",
)
_M7I_XLARGE = Target(
    name="m7i_xlarge",
    memory_bytes=16 * 2**30,
    bandwidth=20e9,
    flops=250e9,
    usd_per_hour=0.2016,
    cores=4,
    cache_bytes=105e6,
    source="AWS m7i.xlarge: 4 vCPU (2 cores) of Xeon Platinum 8488C, 16 GiB, us-east-1 on demand; bandwidth "
    "and FLOP/s: shares of the socket's 8x DDR5-4800 (307 GB/s) and of AVX-512 at 2.4 GHz, reduced to what a "
    "shared host is likely to give",
)

# `cpu` is a placeholder here: nothing is probed by importing this table.
TARGETS: dict[str, Target] = {
    # Resident after start of Python, runtime and tokenizer, less weights: 95-135 MB over seven runs of three artifacts.
    "cpu": Target(
        "cpu",
        0.0,
        0.0,
        0.0,
        0.0,
        0,
        runtime_bytes=115e6,
        here=True,
        source="this machine, probed",
        cluster=GLOO,
        efficiency=CPU,
    ),
    **{target.name: target for target in (_H100, _G5_XLARGE, _M7I_XLARGE)},
    **CLUSTERS,
}


def find_target(name: str) -> Target:
    """The target of that name; `cpu` is probed once (3 s) and then read from the cache. DiagnosticError E0901, E0911."""
    if name not in TARGETS:
        raise DiagnosticError(error("E0901", f"unknown target `{name}`", help=did_you_mean(name, TARGETS)))
    return _this_machine() if name == "cpu" else TARGETS[name]


def default_price() -> float:
    """USD per hour of a machine like this one, by its cores."""
    from infopt_compiler.targets.machine import allowed_cores

    return USD_PER_CORE_HOUR * allowed_cores()


@cache
def _this_machine() -> Target:
    from infopt_compiler.targets.machine import machine_identity
    from infopt_compiler.targets.probe import probe

    try:
        identity, constants = machine_identity(), probe()
    except (OSError, RuntimeError) as wrong:
        help = "check the rights of the cache folder, or set INFOPT_CACHE to another one"
        raise DiagnosticError(error("E0911", f"`target cpu` is this machine: {wrong}", help=help)) from wrong
    return replace(
        TARGETS["cpu"],
        memory_bytes=float(identity["memory_bytes"]),
        bandwidth=constants.bandwidth,
        flops=constants.flops,
        usd_per_hour=default_price(),
        cores=identity["cores"],
        cache_bytes=float(identity["cache_bytes"]),
        disturbed=constants.disturbed,
        source=f"probed: {identity['cpu']}, {identity['cores']} cores; price: {USD_PER_CORE_HOUR} USD/h per core (m7i)",
    )
