"""What else the machine did while a block ran. Shares are of the cores that this process may use.

Others' work can only make serving slower. So a busy block never helps a bound to be met wrongly, but it may make
one look missed: `trusted` leaves busy blocks out while most are quiet, and says so where they are not.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.serving.samples import BlockSamples
from infopt_compiler.targets.counters import BUSY_SHARE, allowed_cores, others_share, read_counters

_STEAL_SHARE = 0.05
_GLANCE = 0.4  # seconds


@dataclass(frozen=True)
class MachineState:
    """`busy_share_others`: CPU time of processes that are not ours; `steal_share`: taken by the hypervisor (None: not
    told); `throttled`: periods in which the control group's quota stopped us, which is the machine that we were given, not
    others' work; `frequency_mhz` at the end."""

    seconds: float
    busy_share_others: float
    steal_share: float | None
    throttled: int | None
    load: float | None
    frequency_mhz: float | None

    @property
    def is_busy(self) -> bool:
        stolen = (self.steal_share or 0.0) > _STEAL_SHARE
        return self.busy_share_others > BUSY_SHARE or stolen


class Watch:
    """Counters from the moment it is made; our own work is this process's and that of its children that ended."""

    def __init__(self) -> None:
        self._start = read_counters()

    def state(self) -> MachineState:
        begin, end = self._start, read_counters()
        seconds = max(1e-9, end.at - begin.at)
        capacity = seconds * len(allowed_cores())
        return MachineState(
            round(seconds, 3),
            round(others_share(begin, end), 4),
            None if end.steal is None else round(max(0.0, end.steal - (begin.steal or 0.0)) / capacity, 4),
            None if end.throttled is None else end.throttled - (begin.throttled or 0),
            load_averages()[0] if load_averages() else None,
            frequency_mhz(),
        )


def glance() -> MachineState:
    """The state over a moment in which this process only waits."""
    watch = Watch()
    time.sleep(_GLANCE)
    return watch.state()


def frequency_mhz() -> float | None:
    """Mean over the cores of what they run at now; None where it is not told."""
    import psutil

    try:
        found = psutil.cpu_freq()
    except (OSError, NotImplementedError, AttributeError):
        return None
    return round(found.current, 1) if found and found.current else None


def trusted(samples: BlockSamples) -> tuple[BlockSamples, bool]:
    """The blocks to judge by, and whether they were disturbed.

    Which blocks count depends on what others did, never on the times that were measured: the quiet ones while they are
    at least half (and two); else all of them, disturbed.
    """
    quiet = tuple(block for block in samples.blocks if not is_busy(block.state))
    if len(quiet) == len(samples.blocks):
        return samples, False
    if len(quiet) >= 2 and 2 * len(quiet) >= len(samples.blocks):
        return replace(samples, blocks=quiet), False
    return samples, True


def is_busy(state: dict[str, Any]) -> bool:
    return bool(state) and MachineState(**state).is_busy


def machine_state(
    variants: dict[str, BlockSamples], before: dict[str, Any], load: list[float]
) -> dict[str, Any]:
    """The row `machine_state` of report.json. `before`: the state before the first block; empty where nothing was watched.
    `load`: the averages behind the last one, which for a reused timing are not those of now."""
    states = [MachineState(**b.state) for found in variants.values() for b in found.blocks if b.state]
    if not states:
        return {}
    steals = [state.steal_share for state in states if state.steal_share is not None]
    frequencies = [state.frequency_mhz for state in states if state.frequency_mhz is not None]
    throttled = [state.throttled for state in states if state.throttled is not None]
    return {
        "load": load,
        "busy_share_others": round(fmean(state.busy_share_others for state in states), 4),
        "busy_share_others_most": max(state.busy_share_others for state in states),
        "busy_blocks": sum(state.is_busy for state in states),
        "blocks": len(states),
        "steal_share": round(fmean(steals), 4) if steals else None,
        "throttled_periods": sum(throttled) if throttled else None,
        "frequency_mhz": round(fmean(frequencies), 1) if frequencies else None,
        "cores": len(allowed_cores()),
        "before": before,
        "notes": _notes(states),
    }


def check_quiet(settings_refuse: bool) -> dict[str, Any]:
    """The machine before the first block. DiagnosticError E0912 if it is busy and the settings refuse that."""
    state = glance()
    if state.is_busy and settings_refuse:
        raise busy(f"others use {state.busy_share_others:.0%} of the {len(allowed_cores())} cores")
    return asdict(state)


def busy(message: str) -> DiagnosticError:
    help = "wait until the machine is quiet, or measure with `measure.refuse_busy=false`"
    return DiagnosticError(error("E0912", message, help=help))


def _notes(states: list[MachineState]) -> list[str]:
    found = [state for state in states if state.is_busy]
    if not found:
        return []
    most = max(state.busy_share_others for state in found)
    kept = 2 * len(found) <= len(states)
    what = (
        "times are judged by the other blocks"
        if kept
        else "a time bound that looks missed is inconclusive, since others only make it slower"
    )
    return [
        f"THE MACHINE WAS BUSY during {len(found)} of {len(states)} blocks: others used up to {most:.0%} of "
        f"{len(allowed_cores())} cores; {what}"
    ]


def load_averages() -> list[float]:
    """Over the last 1, 5 and 15 minutes; empty where the system does not tell."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []
