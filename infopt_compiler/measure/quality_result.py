"""What scoring found: sums for each window, KL for each token. Intervals are in `quality_estimate`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

POLICY = "windows do not overlap; no BOS in front; the first token of a window is not scored; padding entries of the vocabulary left out"


@dataclass(frozen=True)
class WindowScore:
    """Sums over the scored tokens of one window, in nats. Without a reference `reference_nll` is None and `kl` empty."""

    document: str
    start: int
    tokens: int
    bytes: int
    nll: float
    reference_nll: float | None
    kl: tuple[float, ...]
    equal: int
    excerpt: str

    @property
    def kl_mean(self) -> float:
        return math.fsum(self.kl) / len(self.kl) if self.kl else 0.0


@dataclass(frozen=True)
class QualityResult:
    """A model over held-out text, against a reference or alone. `versions`: the libraries that computed the logits."""

    windows: tuple[WindowScore, ...]
    versions: dict[str, str] = field(default_factory=dict)
    policy: str = POLICY

    @property
    def tokens(self) -> int:
        return sum(window.tokens for window in self.windows)

    @property
    def perplexity(self) -> float:
        return math.exp(math.fsum(window.nll for window in self.windows) / self.tokens)

    @property
    def reference_perplexity(self) -> float | None:
        known = [w.reference_nll for w in self.windows if w.reference_nll is not None]
        return math.exp(math.fsum(known) / self.tokens) if len(known) == len(self.windows) else None

    @property
    def bits_per_byte(self) -> float:
        total = sum(window.bytes for window in self.windows)
        return math.fsum(window.nll for window in self.windows) / math.log(2) / total

    @property
    def kl_mean(self) -> float:
        return math.fsum(self.kl_tokens()) / self.tokens

    @property
    def top1(self) -> float:
        return sum(window.equal for window in self.windows) / self.tokens

    def kl_tokens(self) -> Iterable[float]:
        return (value for window in self.windows for value in window.kl)

    def worst(self, count: int = 5) -> list[dict[str, Any]]:
        """The windows with the highest mean KL (without a reference: NLL), their text in excerpts."""
        ordered = sorted(self.windows, key=lambda w: (w.kl_mean, w.nll / w.tokens), reverse=True)
        return [
            {
                "document": window.document,
                "start": window.start,
                "kl_mean": window.kl_mean if window.kl else None,
                "perplexity": math.exp(window.nll / window.tokens),
                "excerpt": window.excerpt,
            }
            for window in ordered[:count]
        ]

    def to_json(self) -> dict[str, Any]:
        """KL of tokens is kept to 6 digits; sums are kept in full."""
        rows = [{**asdict(window), "kl": [float(f"{v:.6g}") for v in window.kl]} for window in self.windows]
        return {"windows": rows, "versions": self.versions, "policy": self.policy}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> QualityResult:
        rows = tuple(WindowScore(**{**row, "kl": tuple(row["kl"])}) for row in data["windows"])
        return cls(rows, data["versions"], data["policy"])
