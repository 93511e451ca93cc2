"""What accuracy levels cost in quality: KL of a variant to the same artifact at level 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import DataSpec, Document, OnnxModel, TextData
from infopt_compiler.artifacts.text import read_documents, read_spec, write_text_data
from infopt_compiler.budget import finite
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.passes.base import PassError

_WINDOWS = 6
_WINDOW_TOKENS = 256  # 6 x 255 tokens tell a mean KL of 0.004 from 0.02, in some seconds
_CONFIDENCE = 0.95
_BUILT_IN = "pydoc_data.topics"  # technical prose that comes with Python
_BUILT_IN_CHARACTERS = 60_000


@dataclass(frozen=True)
class KlCost:
    """Mean KL in nats, its limits (each at 95 %), and the share of equal top tokens."""

    mean: float
    low: float
    high: float
    top1: float
    tokens: int
    text: str

    def facts(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "interval": finite(self.low, self.high),
            "top1": self.top1,
            "tokens": self.tokens,
            "text": self.text,
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> KlCost:
        """From what `facts` gave."""
        low, high = (math.nan if limit is None else limit for limit in facts["interval"] or (None, None))
        return cls(facts["mean"], low, high, facts["top1"], facts["tokens"], facts["text"])


def quality_cost(exact: Path, variant: Path, on: TextData | None, scratch: Path) -> KlCost:
    """KL(exact ‖ variant) on a few windows of `on`, of a built-in text without one. PassError E0746 where it fails."""
    from infopt_compiler.measure.text.estimate import estimate_quality
    from infopt_compiler.measure.text.quality import compare

    text = _sample(on, scratch / "kl-text")
    reference, subject = (OnnxModel(folder, "") for folder in (exact, variant))
    try:
        result = compare(reference, {"variant": subject}, text, _WINDOWS)["variant"]
    except DiagnosticError as failure:
        raise PassError(
            f"the cost of accuracy levels cannot be measured: {failure}", code="E0746"
        ) from failure
    mean = estimate_quality(result, "kl", "mean", _CONFIDENCE, resamples=1000, seed=0)
    value = result.kl_mean if mean.value is None else mean.value
    source = "the data given" if on is not None else _BUILT_IN
    return KlCost(value, mean.low, mean.high, result.top1, result.tokens, source)


def _sample(on: TextData | None, folder: Path) -> TextData:
    """Short windows of the text: levels act on every token alike, so few tell."""
    documents = _built_in() if on is None else read_documents(on)
    spec = DataSpec() if on is None else read_spec(on)
    write_text_data(folder, documents, replace(spec, window=min(spec.window, _WINDOW_TOKENS), sample=0))
    return TextData(folder, "")


def _built_in() -> list[Document]:
    from pydoc_data.topics import topics

    found: list[Document] = []
    for name in sorted(topics):
        found.append(Document(name, topics[name]))
        if sum(len(document.text) for document in found) > _BUILT_IN_CHARACTERS:
            break
    return found
