"""Runtime settings of exported models, the values that each may take, and those that are predicted to be best."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class Settings:
    """What distinguishes one variant of an artifact from another. `order`: settings by what they usually give, so that
    a short time limit leaves out the least. `levels`: those that change what is computed. `kernels`: those without whose
    right value a fast kernel may be missing."""

    order: ClassVar[tuple[str, ...]] = ()
    levels: ClassVar[tuple[str, ...]] = ()
    kernels: ClassVar[tuple[str, ...]] = ()

    def with_value(self, name: str, value: Any) -> Self:
        changed: dict[str, Any] = {name: value}
        return replace(self, **changed)

    def changes(self, default: Settings) -> dict[str, Any]:
        """What differs from `default`, by name."""
        mine, theirs = asdict(self), asdict(default)
        return {name: value for name, value in mine.items() if value != theirs[name]}

    def label(self, default: Settings) -> str:
        """`threads=2, prune_head=true`; `default` where nothing differs."""
        words = (f"{name}={text(value)}" for name, value in self.changes(default).items())
        return ", ".join(words) or "default"


@dataclass(frozen=True)
class DecoderSettings(Settings):
    """Of a decoder in onnxruntime-genai.

    `threads` 0: the runtime's default (one thread in onnxruntime-genai 0.18); `accuracy_level` of `MatMulNBits`: 4
    computes with int8 activations, 0 with float32, and `head_accuracy_level` is the head's; `prune_head`: logits of
    the last position only; `fuse_gate_up`: one matrix product for both; `separate_qkv`: three instead of one.
    """

    order: ClassVar[tuple[str, ...]] = (
        "head_accuracy_level",
        "threads",
        "accuracy_level",
        "prune_head",
        "separate_qkv",
        "fuse_gate_up",
    )
    levels: ClassVar[tuple[str, ...]] = ("accuracy_level", "head_accuracy_level")
    kernels: ClassVar[tuple[str, ...]] = levels

    threads: int = 0
    accuracy_level: int = 0
    head_accuracy_level: int = 0
    prune_head: bool = False
    fuse_gate_up: bool = False
    separate_qkv: bool = False


@dataclass(frozen=True)
class EncoderSettings(Settings):
    """Of an encoder in plain onnxruntime: its session's options.

    `threads` 0: the runtime's default, one for each physical core; `optimization`: how far the graph is optimized when it is
    loaded; `spinning`: threads wait for work busily, which answers sooner and takes the cores from others.
    """

    order: ClassVar[tuple[str, ...]] = ("threads", "optimization", "spinning")

    threads: int = 0
    optimization: str = "all"
    spinning: bool = True


Available = dict[str, list[Any]]
"""Setting → the values that it may take in an artifact, the simplest first."""

OPTIMIZATIONS = ("all", "extended", "basic")  # onnxruntime's levels; without any a graph is only slower


def physical_cores() -> int:
    """Physical cores that this process may use."""
    import psutil

    logical = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(logical, psutil.cpu_count(logical=False) or logical))


def thread_counts(most: int) -> list[int]:
    """Counts to try besides the runtime's default: powers of two up to `most`, and `most` itself."""
    powers = [2**k for k in range(1, most.bit_length()) if 2**k < most]
    return [*powers, most] if most > 1 else []


def predicted(default: DecoderSettings, available: Available) -> DecoderSettings:
    """What was best wherever it was measured (docs/passes.md): a thread for each physical core, int8 activations, the head
    on the last position alone. Fusions paid with one thread only, so they are left to the race."""
    best = default
    if available.get("threads"):
        best = replace(best, threads=max(available["threads"]))
    for name in default.levels:
        if 4 in available.get(name, []):
            best = best.with_value(name, 4)
    return replace(best, prune_head=True) if True in available.get("prune_head", []) else best


def neighbours(settings: Settings, default: Settings, available: Available) -> Iterator[tuple[str, Any]]:
    """(setting, value) one step away: the default's values first, which are simpler, in the order of the settings."""
    for name in settings.order:
        values = dict.fromkeys([getattr(default, name), *available.get(name, [])])
        for value in values:
            if name in available and value != getattr(settings, name):
                yield name, value


def text(value: Any) -> str:
    """A setting's value as in a recipe."""
    return str(value).lower()
