"""The options of the groups `target`, `measure` and `engine`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from infopt_compiler.diagnostics import did_you_mean

if TYPE_CHECKING:
    from infopt_compiler.targets.model import Target

ENGINES = ("local",)

# Hardware by its names elsewhere: the targets that have it. No target has the others.
HARDWARE: dict[tuple[str, ...], tuple[str, ...]] = {
    ("a100", "a100_40gb", "a100_80gb", "p4d", "p4"): ("p4d_24xlarge",),
    ("a10", "a10g", "g5"): ("g5_xlarge", "g5_48xlarge"),
    ("h100_sxm", "h100_80gb", "hopper", "p5"): ("h100", "p5_48xlarge"),
    ("xeon", "m7i", "sapphire_rapids", "avx512", "amx"): ("m7i_xlarge", "cpu"),
    ("gpu", "cuda", "nvidia", "cuda:0"): ("h100", "g5_xlarge", "p4d_24xlarge"),
    ("local", "localhost", "here", "host", "this", "machine", "native", "auto", "x86", "x86_64", "amd64", "avx2", "laptop", "desktop",
     "intel", "amd", "arm", "arm64", "aarch64", "linux", "default"): ("cpu",),
    ("v100", "t4", "l4", "l40s", "h200", "b200", "gb200", "mi300x", "rocm", "tpu", "m1", "m2", "mps", "metal", "mac", "npu"): (),
}  # fmt: skip
_TARGET = "a target is a machine of the catalog: "


def group_options(group: str) -> tuple[str, ...]:
    """The names that may follow `target`, `measure` or `engine`."""
    if group == "target":
        from infopt_compiler.targets.catalog import TARGETS

        return tuple(TARGETS)
    if group == "measure":
        from infopt_compiler.measure.settings import PRESETS

        return tuple(PRESETS)
    return ENGINES


def suggest_option(group: str, word: str) -> str | None:
    """Help for an option that the group does not have; of a target by meaning: the letter before a number is no typo."""
    options = group_options(group)
    if group != "target":
        return did_you_mean(word, options)
    known = _TARGET + ", ".join(f"`{name}`" + " (this one)" * (name == "cpu") for name in options)
    same = word.lower().replace("-", "_").removeprefix("nvidia_").removeprefix("aws_")
    for words, targets in HARDWARE.items():
        if same in words:
            meant = " or ".join(f"`{name}`" for name in targets)
            return f"for `{word}` there is {meant}; {known}" if targets else f"none is a `{word}`; {known}"
    near = did_you_mean(word, [name for name in options if name[0] == same[:1]])
    return near if near and near.startswith("did") else known


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
