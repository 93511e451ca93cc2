"""Builds as the history holds them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infopt_compiler.budget import Spread
from infopt_compiler.history import Build, Figure, Wanted

SPREAD = Spread(0.010, {0.975: (0.0098, 0.0102), 0.995: (0.0097, 0.0103)})
TPOT = Figure(
    budget="chat",
    subject="chat",
    metric="tpot.p50",
    unit="s",
    value=0.010,
    low=0.0099,
    high=0.0101,
    confidence=0.95,
    basis="measured",
    digest="d1",
    scenario="assistant",
    conditions="c1",
    spread=SPREAD,
    operator="<=",
    limit=0.015,
    limit_raw="15 ms",
    severity="error",
    verdict="met",
)
SIZE = replace(
    TPOT, metric="size", unit="B", value=5e6, low=5e6, high=5e6, scenario=None, conditions="",
    spread=Spread(5e6, {0.975: (5e6, 5e6)}), limit=6e6, limit_raw="6 MB",
)  # fmt: skip
BUILD = Build(
    recipe="chat.opt",
    variant=(),
    overrides=(),
    started="2026-11-25T10:00:00+00:00",
    seconds=12.5,
    machine="m1",
    machine_name="a processor",
    target="cpu",
    verdict="met",
    exit_code=0,
    folder="outputs/chat/2026-11-25_10-00-00",
    commit="abcdef0123" * 4,
    figures=(TPOT, SIZE),
)
WANTED = Wanted("chat.opt", (), "chat", "chat", "tpot.p50", None, None, "c1", machine="m1")


def build(value: float, figure: Figure = TPOT, changes: dict[str, Any] | None = None, **more: Any) -> Build:
    """A build with one figure of another value."""
    spread = Spread(value, {0.975: (value * 0.99, value * 1.01)})
    own = replace(figure, value=value, low=value * 0.99, high=value * 1.01, spread=spread, **(changes or {}))
    return replace(BUILD, figures=(own,), **more)
