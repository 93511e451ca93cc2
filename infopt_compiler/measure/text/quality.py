"""Quality over held-out text: perplexity, KL to a reference and top-1 agreement, each model in its own process."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.handles import Artifact, TextData
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.text.windowing import Cut, ScoredWindow, cut
from infopt_compiler.progress import Progress, no_progress
from infopt_compiler.runtimes.registry import scorer_of
from infopt_compiler.runtimes.scorer import Scorer


def score(
    artifact: Artifact, data: TextData, windows: int = 0, *, progress: Progress = no_progress
) -> QualityResult:
    """One model by itself: perplexity and bits per byte. `windows`: at most so many, evenly spread (0: all)."""
    return _run(None, {"model": artifact}, data, windows, progress)["model"]


def compare(
    reference: Artifact,
    subjects: Mapping[str, Artifact],
    data: TextData,
    windows: int = 0,
    *,
    progress: Progress = no_progress,
) -> dict[str, QualityResult]:
    """Each subject against `reference`, token by token on the same windows.

    DiagnosticError E0905 where a subject's tokenizer gives other ids or has another vocabulary than the
    reference's, E0904 for kinds that cannot be scored, E0906, E0907, E0908, E0910.
    """
    return _run(reference, subjects, data, windows, progress)


def _run(
    reference: Artifact | None,
    subjects: Mapping[str, Artifact],
    data: TextData,
    limit: int,
    progress: Progress,
) -> dict[str, QualityResult]:
    for artifact in [*subjects.values(), *([reference] if reference else [])]:
        scorer_of(artifact)
    text = common_cut(reference, subjects, data, limit)
    found: dict[str, list[WindowScore]] = {name: [] for name in subjects}
    with tempfile.TemporaryDirectory(prefix="infopt-score-") as scratch, ExitStack() as stack:
        shared = Path(scratch) / "logits.npy" if reference else None
        base = stack.enter_context(Scorer(reference, Path(scratch) / "reference")) if reference else None
        scorers = {
            name: stack.enter_context(Scorer(artifact, Path(scratch) / str(number)))
            for number, (name, artifact) in enumerate(subjects.items())
        }
        for name, scorer in scorers.items():
            _check_runtime_tokenizer(name, scorer, text)
        for number, window in enumerate(text.windows):
            progress(number, len(text.windows), f"scoring {', '.join(subjects)}")
            command = {"ids": window.ids, "vocabulary": text.vocabulary}
            against = base.ask({**command, "write": str(shared)}) if base else None
            for name, scorer in scorers.items():
                answer = scorer.ask({**command, "reference": str(shared) if shared else None})
                found[name].append(_window_score(name, window, answer, against))
        versions = {name: scorer.ready["versions"] for name, scorer in scorers.items()}
    return {name: QualityResult(tuple(scores), versions[name]) for name, scores in found.items()}


def common_cut(
    reference: Artifact | None, subjects: Mapping[str, Artifact], data: TextData, limit: int
) -> Cut:
    """The windows that all agree on; DiagnosticError E0905 where they do not."""
    (first, artifact), *others = [
        *({"the reference": reference} if reference else {}).items(),
        *subjects.items(),
    ]
    text = cut(artifact.path, data, limit)
    for name, other in others:
        own = cut(other.path, data, limit)
        if own.vocabulary != text.vocabulary or own.ids != text.ids:
            what = "vocabulary" if own.vocabulary != text.vocabulary else "token ids"
            message = f"the tokenizers of `{name}` and {first} differ in their {what}"
            raise DiagnosticError(
                error("E0905", message, help="across tokenizers only `bits_per_byte` compares")
            )
    return text


def _check_runtime_tokenizer(name: str, scorer: Scorer, text: Cut) -> None:
    """The tokenizer that serves must cut the whole text as tokenizer.json does; a BOS in front is let pass."""
    if not scorer.ready["encodes"]:
        return
    ids = scorer.ask({"encode": text.text})["ids"]
    if tuple(ids[-len(text.ids) :]) == text.ids and len(ids) - len(text.ids) in (0, 1):
        return
    at = next((k for k, (a, b) in enumerate(zip(ids, text.ids, strict=False)) if a != b), len(text.ids) - 1)
    start = text.offsets[at]
    place = text.text[max(0, start - 20) : start + 20]
    message = (
        f"the tokenizer that serves `{name}` differs from its tokenizer.json: "
        f"{len(ids)} ids instead of {len(text.ids)}, the first other one in {place!r}"
    )
    raise DiagnosticError(error("E0906", message))


def _window_score(
    name: str, window: ScoredWindow, answer: dict[str, Any], against: dict[str, Any] | None
) -> WindowScore:
    sums = (("the reference", [against["nll"]] if against else []), (name, [answer["nll"], *answer["kl"]]))
    for who, values in sums:
        if not all(map(math.isfinite, values)):
            message = f"`{who}` gives logits that are not finite, first in {window.excerpt[:40]!r}"
            raise DiagnosticError(error("E0910", message))
    return WindowScore(
        document=window.document,
        start=window.start,
        tokens=len(window.ids) - 1,
        bytes=window.scored_bytes,
        nll=answer["nll"],
        reference_nll=against["nll"] if against else None,
        kl=tuple(answer["kl"]),
        delta_p=tuple(answer["delta_p"]),
        equal=answer["equal"],
        excerpt=window.excerpt,
    )


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
