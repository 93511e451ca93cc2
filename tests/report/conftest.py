from __future__ import annotations

from typing import Any

import pytest


def bound(**changes: Any) -> dict[str, Any]:
    """A bound as report.json holds it; `changes` replace single fields."""
    return {
        "metric": "ttft.p95",
        "subject": "chat",
        "reference": None,
        "scenario": "assistant",
        "on": None,
        "operator": "<=",
        "limit": 0.6,
        "limit_raw": "600 ms",
        "unit": "s",
        "value": 0.301,
        "interval": [0.298, 0.31],
        "confidence": 0.95,
        "estimator": "order statistics",
        "samples": 60,
        "blocks": 3,
        "basis": "measured",
        "verdict": "met",
        "severity": "error",
        "note": None,
        "span": {"file": "chat.opt", "line": 9, "column": 5},
        **changes,
    }


@pytest.fixture
def report() -> dict[str, Any]:
    """A report with one bound of each verdict."""
    return {
        "schema_version": 1,
        "recipe": "chat",
        "verdict": "missed",
        "exit_code": 3,
        "overrides": [],
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 12.5,
        "bounds": [
            bound(),
            bound(metric="size", limit=20e6, limit_raw="20 MB", unit="B", value=98e6, interval=[98e6, 98e6], samples=0, blocks=0, verdict="missed"),
            bound(metric="perplexity", on="heldout", reference="base", limit=18.4, limit_raw="105% of base", unit="", value=18.3, interval=[18.1, 18.6], verdict="inconclusive"),
            bound(metric="cost", limit=0.1, limit_raw="0.10 USD/Mtok", unit="USD/Mtok", basis="predicted", interval=None, value=0.05, verdict="predicted", severity="warn"),
        ],
        "passes": [
            {"name": "q", "pass": "quantize", "cached": False, "seconds": 95.2, "peak_rss_bytes": 1_200_000_000, "digest": "ab" * 32, "facts": {}},
            {"name": "onnx", "pass": "export", "cached": True, "seconds": 30.0, "peak_rss_bytes": None, "digest": "cd" * 32, "facts": {}},
        ],
        "artifacts": [{"binding": "chat", "path": "artifact", "digest": "ef" * 32, "size_bytes": 98_000_000}],
        "artifact": {"binding": "chat", "path": "artifact", "digest": "ef" * 32, "size_bytes": 98_000_000},
        "measured": [{"subject": "chat", "scenario": "assistant", "values": [{"metric": "tpot.p50", "value": 0.007, "interval": [0.0069, 0.0072]}]}],
        "target": {"name": "cpu"},
        "machine": {"cpu": "a | b", "cores": 2},
        "environment": {"python": "3.11"},
        "diagnostics": [],
        "graph": {},
    }  # fmt: skip
