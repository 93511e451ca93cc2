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


def _moved(before: float | None, after: float | None, basis: str = "measured") -> dict[str, Any]:
    return {"before": before, "after": after, "low": after, "high": after, "basis": basis, "note": "a note"}


@pytest.fixture
def whole(report: dict[str, Any]) -> dict[str, Any]:
    """The same report with every part that a page can show."""
    windows = [
        {"document": "d", "start": 4, "kl_mean": 0.3, "perplexity": 20.0, "excerpt": "a window's text"},
        {"document": "e", "start": 9, "kl_mean": 0.2, "perplexity": 30.0, "excerpt": "another one's"},
    ]
    texts = [
        {"on": name, "reference": "base", "tokens": 8000, "top1": 0.9, "kl_mean": {"value": kl, "interval": [kl * 0.8, kl * 1.2]},
         "perplexity_ratio": {"value": 1 + kl, "interval": [1 + kl * 0.9, 1 + kl * 1.1]}}
        for name, kl in (("code", 0.2), ("heldout", 0.1))
    ]  # fmt: skip
    tails = {"kl": {"p50": 0.01, "p90": 0.1, "p99": 0.9, "p100": 4.0}, "delta_p": {"p1": -0.2, "p50": 0.0, "p99": 0.2, "mean": 0.0, "rms": 0.05}}  # fmt: skip
    memory = {"weights_bytes": 90_000_000, "kv_bytes": 9_000_000, "kv_bytes_per_token": 46_080, "kv_by_context": [{"tokens": 192, "bytes": 9_000_000}, {"tokens": 512, "bytes": 24_000_000}],
              "runtime_bytes": 60_000_000, "loaded_bytes": 110_000_000, "requests_bytes": 30_000_000, "other_bytes": 21_000_000, "peak_bytes": 200_000_000,
              "steady_bytes": 190_000_000, "gpu_bytes": None, "predicted_peak_bytes": 210_000_000, "predicted_as": "60 MB + …", "context_tokens": 192, "note": "measured"}  # fmt: skip
    written = {"prompts": 4, "identical": 1, "first_differences": [2, 9, 30], "worst": [
        {"document": "d", "start": 0, "tokens": 64, "equal": 2, "prompt": "Once", "reference": "upon a time", "own": "there was"}]}  # fmt: skip
    report["measured"][0] |= {
        "values": [
            *report["measured"][0]["values"],
            {"metric": "kl.mean", "on": "heldout", "reference": "base", "subject": "chat", "value": 0.1, "interval": [0.09, 0.11]},
        ],
        "worst_windows": {"heldout vs base": windows, "code vs base": windows},
        "distributions": {"chat": {"ttft": [0.1, 0.11, 0.13, 0.2], "tpot": [0.003, 0.004, 0.005, 0.006]}},
        "timeline": {"chat": {"prefill_seconds": 0.1, "token_seconds": [0.003, 0.004, 0.004, 0.005], "load_seconds": 0.4}},
        "memory": {"chat": memory},
        "roofline": {"bandwidth": 48e9, "flops": 200e9, "points": [
            {"subject": "chat", "phase": "prefill", "flop": 3e10, "bytes": 9e7, "peak": 6e11, "seconds": 0.1},
            {"subject": "chat", "phase": "decode", "flop": 3e8, "bytes": 9e7, "seconds": 0.004}]},
        "machine_state": {"load": [1.0, 1.0, 1.0], "blocks": 4, "busy_blocks": 0, "notes": ["a note on the machine"]},
        "scenario_settings": {"name": "assistant", "prompt": 128},
        "tails": {"heldout vs base": tails, "code vs base": tails},
        "domains": texts,
        "generations": {"heldout vs base": written},
        "tasks": {"arc": {"documents": 12, "versions": {"lm-eval": "0"}, "lost": {"base": [{"document": 3, "excerpt": "Which <one>?"}]}}},
    }  # fmt: skip
    curve = [
        {"step": 0.0, "kl": 3.0, "nll": 5.0, "loss": 3.0},
        {"step": 20.0, "kl": 1.0, "nll": 3.5, "loss": 1.0},
    ]
    learnt = {
        "steps": 20,
        "tokens": 20_480,
        "epochs": 1.5,
        "seconds": 60.0,
        "losses": [3.0, 1.0],
        "history": curve,
    }
    interval = {"value": 0.5, "interval": [0.4, 0.6], "estimator": "paired"}
    judged = {
        "nll": 3.5,
        "perplexity": 33.1,
        "kl": 1.0,
        "top1": 0.6,
        "retention": {"mean": interval, "worst": interval},
    }
    quality = {"tokens": 8000, "teacher": {"nll": 2.6, "perplexity": 13.5}, "gain": interval, "beats_control": True, "windows": [],
               "students": {"untrained": judged, "control": judged, "distilled": judged}}  # fmt: skip
    report["passes"][0]["facts"] = {"distillation": {
        "training": {"distilled": learnt, "control": learnt}, "quality": {"heldout": quality, "other": quality}, "text_tokens": 13_000,
        "reduction": {"parameters": {"teacher": 134e6, "student": 99e6}, "flops_per_token": {"teacher": 270e6, "student": 198e6},
                      "forward_seconds": {"teacher": 0.2, "student": 0.14}, "faster": 1.43}}}  # fmt: skip
    report["layers"] = {"chat": [
        {"name": "model.layers.0.mlp.up_proj", "parameters": 1000, "bytes": 600, "bits_per_weight": 4.8},
        {"name": "lm_head", "parameters": 2000, "bytes": 1200, "bits_per_weight": 4.8}]}  # fmt: skip
    report["graph"] = {"steps": [
        {"name": "base", "pass": "import", "kind": "model", "inputs": {}, "source": "pypi:a==1#b"},
        {"name": "q", "pass": "quantize", "kind": "pass", "inputs": {"model": ["base"]}},
        {"name": "onnx", "pass": "export", "kind": "pass", "inputs": {"model": ["q"]}}]}  # fmt: skip
    report["attribution"] = {"chat": {"subject": "chat", "on": "heldout vs base", "scenario": "assistant", "metrics": ["size", "tpot.p50"],
        "seconds": 31.0, "limit_seconds": 120.0, "steps": [
        {"name": "base", "pass": "import", "kind": "HFModel", "values": {"size": _moved(None, 500e6, "exact"), "tpot.p50": _moved(None, 0.05)}},
        {"name": "q", "pass": "quantize", "kind": "QuantizedModel", "values": {"size": _moved(500e6, 110e6, "exact"), "tpot.p50": _moved(0.05, None, "not served")}},
        {"name": "onnx", "pass": "export", "kind": "OnnxModel", "values": {"size": _moved(110e6, 98e6, "exact"), "tpot.p50": _moved(0.05, 0.004)}}]}}  # fmt: skip
    report["predictions"] = [{"what": "bound", "name": "chat", "quantity": "tpot.p50", "predicted": 0.0044, "measured": 0.004, "error": 0.1}]  # fmt: skip
    report["diagnostics"] = [{"code": "E0000", "severity": "warning", "message": "a warning", "span": None, "help": None}]  # fmt: skip
    return report
