"""Untrained, control and distilled students against the teacher, on held-out text and on a text of another kind.

In float32, over the whole vocabulary, on the windows that the report's own measurements cut. These values say whether the
training was worth it; what a budget is judged by is measured on the artifact that ships, in processes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from infopt_compiler.artifacts import TextData
from infopt_compiler.budget import Interval, finite
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.text.estimate import (
    PARTS,
    TEXTS,
    estimate_gain,
    estimate_retention,
    gain_windows,
)
from infopt_compiler.measure.text.quality import QualityResult, WindowScore
from infopt_compiler.measure.text.windowing import Cut, ScoredWindow, cut
from infopt_compiler.passes.base import RunContext

from .decoder import embed, finish, head_weight, load_decoder, run_layers
from .qat_weights import load_quantized
from .training.errors import NoText

CONFIDENCE = 0.95
ROWS = 128  # tokens whose distributions exist at once


def judge(
    teacher: Path,
    students: Mapping[str, Path],
    texts: tuple[TextData, TextData],
    ctx: RunContext,
    *,
    quantized: bool,
    windows: int,
) -> dict[str, Any]:
    """By text: each student's values, and what `distilled` gained over `control`, with intervals of 95 %."""
    models = {"teacher": load_decoder(teacher)}
    models |= {
        name: load_quantized(path) if quantized else load_decoder(path) for name, path in students.items()
    }
    return {
        name: _facts(_scored(models, cut_text(teacher, data, name, windows), name, ctx), ctx.seed)
        for name, data in zip(TEXTS, texts, strict=True)
    }


def cut_text(teacher: Path, data: TextData, name: str, windows: int) -> Cut:
    """At most that many windows of a text; NoText where not one is full."""
    try:
        return cut(teacher, data, windows)
    except DiagnosticError as wrong:
        first = wrong.diagnostics[0]
        raise NoText(f"the {name} text: {first.message}", help=first.help) from wrong


def _scored(models: Mapping[str, Any], text: Cut, name: str, ctx: RunContext) -> dict[str, QualityResult]:
    found: dict[str, list[WindowScore]] = {student: [] for student in models if student != "teacher"}
    for number, window in enumerate(text.windows):
        ctx.progress(number, len(text.windows), f"judging on the {name} text")
        for student, score in _window(models, window, text.vocabulary).items():
            found[student].append(score)
    return {student: QualityResult(tuple(scores)) for student, scores in found.items()}


def _window(models: Mapping[str, Any], window: ScoredWindow, vocabulary: int) -> dict[str, WindowScore]:
    """Each student's sums over one window; distributions of a few tokens exist at a time."""
    ids = torch.tensor([window.ids])
    nll = dict.fromkeys(models, 0.0)
    kl: dict[str, list[float]] = {name: [] for name in models}
    equal = dict.fromkeys(models, 0)
    with torch.no_grad():
        hidden = {
            name: finish(model, run_layers(model, embed(model, ids), 0)) for name, model in models.items()
        }
        for first in range(0, ids.shape[1] - 1, ROWS):
            rows = slice(first, first + ROWS)
            targets = ids[0, 1:][rows].unsqueeze(1)
            log_p = _log_probabilities(models["teacher"], hidden["teacher"][rows], vocabulary)
            for name, model in models.items():
                log_q = (
                    log_p if name == "teacher" else _log_probabilities(model, hidden[name][rows], vocabulary)
                )
                nll[name] -= float(log_q.gather(1, targets).double().sum())
                if name != "teacher":
                    equal[name] += int((log_p.argmax(-1) == log_q.argmax(-1)).sum())
                    kl[name] += (log_p.exp() * (log_p - log_q)).sum(-1).clamp_min(0).tolist()
    count = len(window.ids) - 1
    return {
        name: WindowScore(
            window.document, window.start, count, window.scored_bytes, nll[name], nll["teacher"], tuple(kl[name]),
            equal[name], "",
        )
        for name in models
        if name != "teacher"
    }  # fmt: skip


def _log_probabilities(model: Any, h_ND: Tensor, vocabulary: int) -> Tensor:
    found: Tensor = (h_ND @ head_weight(model).T)[:, :vocabulary].log_softmax(-1)
    return found


def _facts(results: dict[str, QualityResult], seed: int) -> dict[str, Any]:
    windows = gain_windows(results["control"], results["distilled"])
    gain = estimate_gain(windows, CONFIDENCE, seed=seed)
    low = gain.low if gain.value is not None else 0.0
    some = next(iter(results.values()))
    return {
        "tokens": some.tokens,
        "teacher": {"nll": _teacher_nll(some), "perplexity": some.reference_perplexity},
        "students": {name: _student(result, seed) for name, result in results.items()},
        "gain": _interval(gain),
        "beats_control": low > 0,
        "windows": windows,
    }


def _student(result: QualityResult, seed: int) -> dict[str, Any]:
    kept = {
        name: _interval(estimate_retention(result, name, CONFIDENCE, seed=seed))
        for name in (*PARTS, "mean", "worst")
    }
    nll = sum(window.nll for window in result.windows) / result.tokens
    return {
        "nll": nll,
        "perplexity": result.perplexity,
        "kl": result.kl_mean,
        "top1": result.top1,
        "retention": kept,
    }


def _teacher_nll(result: QualityResult) -> float:
    return sum(window.reference_nll or 0.0 for window in result.windows) / result.tokens


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "value": interval.value,
        "interval": finite(interval.low, interval.high),
        "estimator": interval.estimator,
    }
