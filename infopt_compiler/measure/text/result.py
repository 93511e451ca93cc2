"""What scoring found: sums for each window, KL for each token. Intervals are in `quality_estimate`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

POLICY = "windows do not overlap; no BOS in front; the first token of a window is not scored; padding entries of the vocabulary left out"


_OF_KL = (50, 90, 95, 99, 99.9, 100)
_OF_DELTA = (0, 0.1, 1, 5, 50, 95, 99, 99.9, 100)


def _percentiles(values: Any, which: tuple[float, ...]) -> dict[str, float]:
    import numpy as np

    found = np.percentile(values, which)
    return {f"p{q:g}": float(f"{value:.5g}") for q, value in zip(which, found, strict=True)}


@dataclass(frozen=True)
class WindowScore:
    """Sums over the scored tokens of one window, in nats; of each token KL and `delta_p`, by how much its probability changed.
    Without a reference `reference_nll` is None, `kl` and `delta_p` are empty."""

    document: str
    start: int
    tokens: int
    bytes: int
    nll: float
    reference_nll: float | None
    kl: tuple[float, ...]
    equal: int
    excerpt: str
    delta_p: tuple[float, ...] = ()

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

    def tails(self) -> dict[str, dict[str, float]]:
        """Percentiles over all tokens of `kl` and `delta_p` (its root mean square, too), as llama.cpp's perplexity tool reports them;
        observed, without intervals. Empty without a reference."""
        import numpy as np

        kl = np.array(list(self.kl_tokens()))
        delta = np.array([value for window in self.windows for value in window.delta_p])
        if not len(kl) or not len(delta):
            return {}
        found = {"kl": _percentiles(kl, _OF_KL), "delta_p": _percentiles(delta, _OF_DELTA)}
        found["delta_p"] |= {"mean": float(delta.mean()), "rms": float(np.sqrt((delta**2).mean()))}
        return found

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
        """KL and Δp of tokens are kept to 6 and 4 digits; sums are kept in full."""
        rows = [
            {**asdict(w), "kl": [float(f"{v:.6g}") for v in w.kl], "delta_p": [float(f"{v:.4g}") for v in w.delta_p]}
            for w in self.windows
        ]  # fmt: skip
        return {"windows": rows, "versions": self.versions, "policy": self.policy}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> QualityResult:
        rows = tuple(
            WindowScore(**{**row, "kl": tuple(row["kl"]), "delta_p": tuple(row.get("delta_p", ()))})
            for row in data["windows"]
        )
        return cls(rows, data["versions"], data["policy"])
