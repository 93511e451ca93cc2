"""Runtime settings of an exported model, and the values that each may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What distinguishes one variant of an artifact from another.

    `threads` 0: the runtime's default (one thread in onnxruntime-genai 0.18); `accuracy_level` of `MatMulNBits`: 4
    computes with int8 activations, 0 with float32, and `head_accuracy_level` is the head's; `prune_head`: logits of
    the last position only; `fuse_gate_up`: one matrix product for both; `separate_qkv`: three instead of one.
    """

    threads: int = 0
    accuracy_level: int = 0
    head_accuracy_level: int = 0
    prune_head: bool = False
    fuse_gate_up: bool = False
    separate_qkv: bool = False

    def with_value(self, name: str, value: int | bool) -> Settings:
        changed: dict[str, Any] = {name: value}
        return replace(self, **changed)

    def changes(self, default: Settings) -> dict[str, Any]:
        """What differs from `default`, by name."""
        mine, theirs = asdict(self), asdict(default)
        return {name: value for name, value in mine.items() if value != theirs[name]}

    def label(self, default: Settings) -> str:
        """`threads=2, prune_head=true`; `default` where nothing differs."""
        words = (f"{name}={str(value).lower()}" for name, value in self.changes(default).items())
        return ", ".join(words) or "default"


SEARCH_ORDER = (
    "head_accuracy_level",
    "threads",
    "accuracy_level",
    "prune_head",
    "separate_qkv",
    "fuse_gate_up",
)
"""By what they gave on SmolLM2 (docs/passes.md), so that a short time limit leaves out the least. The head comes
first: an 8-bit head takes 80 ms a token at level 0 and 1 ms at level 4, and what hides behind that cannot be seen."""

Available = dict[str, list[Any]]
"""Setting → the values that it may take in an artifact."""


def thread_counts(most: int) -> list[int]:
    """Counts to try besides the default of one thread: powers of two up to `most`, and `most` itself."""
    powers = [2**k for k in range(1, most.bit_length()) if 2**k < most]
    return [*powers, most] if most > 1 else []


def alternatives(default: Settings, available: Available) -> Iterator[tuple[str, list[Any]]]:
    """(setting, its values other than the default's), in the order of the search."""
    for name in SEARCH_ORDER:
        values = [value for value in available.get(name, []) if value != getattr(default, name)]
        if values:
            yield name, values
