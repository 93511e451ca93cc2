"""What the machine's cores did besides our own work. Shares are of the cores that this process may use."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_CPU_STATS = (Path("/sys/fs/cgroup/cpu.stat"), Path("/sys/fs/cgroup/cpu/cpu.stat"))
BUSY_SHARE = 0.10  # used by others: from here on times are disturbed


@dataclass(frozen=True)
class Counters:
    at: float
    busy: float  # seconds of the allowed cores that were not idle
    own: float
    steal: float | None
    throttled: int | None


def allowed_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def others_share(begin: Counters, end: Counters) -> float:
    """Of the time between two readings what processes used that are neither this one nor its children that ended."""
    capacity = max(1e-9, end.at - begin.at) * len(allowed_cores())
    return min(1.0, max(0.0, ((end.busy - begin.busy) - (end.own - begin.own)) / capacity))


def read_counters() -> Counters:
    import psutil

    cores = psutil.cpu_times(percpu=True)
    times = [cores[core] for core in allowed_cores() if core < len(cores)] or cores
    # Guest time is within user time already.
    busy = sum(
        sum(getattr(t, part, 0.0) for part in ("user", "nice", "system", "irq", "softirq")) for t in times
    )
    own = os.times()
    steal = sum(t.steal for t in times) if hasattr(times[0], "steal") else None
    return Counters(time.monotonic(), busy, sum(own[:4]), steal, _throttled())


def _throttled() -> int | None:
    """Periods in which the control group's CPU quota was used up (cgroup v2, then v1)."""
    for place in _CPU_STATS:
        try:
            lines = place.read_text("utf-8").splitlines()
        except OSError:
            continue
        fields = dict(line.split() for line in lines if len(line.split()) == 2)
        if "nr_throttled" in fields:
            return int(fields["nr_throttled"])
    return None
