"""How long, how fast and how carefully to train. Everything counts steps or items, never the clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainSettings:
    """`steps` of `batch` items (windows of tokens, sentences) over all processes, in pieces of `micro_batch` items a forward.

    `warmup` and `final` are shares: of the steps, and of `learning_rate` at the end. `evaluate_every` and
    `checkpoint_every` count steps; after `patience` evaluations in a row without a better loss training stops
    (0: never). `clip` is the largest norm of a step's gradient. `floats16`: products in bfloat16, weights in float32.
    """

    steps: int
    batch: int
    micro_batch: int
    learning_rate: float
    warmup: float = 0.05
    final: float = 0.05
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.95
    clip: float = 1.0
    evaluate_every: int = 20
    patience: int = 0
    checkpoint_every: int = 20
    seed: int = 0
    floats16: bool = False


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Linear warm-up, then half a cosine down to the final share; `step` counts from 0."""
    import math

    warm = max(1, round(settings.warmup * settings.steps))
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    done = (step - warm) / max(1, settings.steps - warm)
    share = settings.final + (1 - settings.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return settings.learning_rate * share
