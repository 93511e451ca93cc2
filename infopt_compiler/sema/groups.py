"""The options of the groups `target`, `measure` and `engine`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infopt_compiler.targets.model import Target

ENGINES = ("local",)


def group_options(group: str) -> tuple[str, ...]:
    """The names that may follow `target`, `measure` or `engine`."""
    if group == "target":
        from infopt_compiler.targets.catalog import TARGETS

        return tuple(TARGETS)
    if group == "measure":
        from infopt_compiler.measure.settings import PRESETS

        return tuple(PRESETS)
    return ENGINES


def find_static_target(name: str) -> Target | None:
    """As the catalog describes it: this machine without figures. None if unknown, which was reported."""
    from infopt_compiler.targets.catalog import TARGETS

    return TARGETS.get(name)


def target_memory_bytes(name: str) -> float | None:
    """Memory of all devices of a target; this machine's is asked of the system, not probed. None if unknown."""
    from infopt_compiler.targets.catalog import TARGETS

    target = TARGETS.get(name)
    if target is None:
        return None
    if target.here:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return target.memory_bytes * target.devices
