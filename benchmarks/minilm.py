"""MiniLM: torch, the exported floats and the exported integers, in fresh processes that take turns.

`python -m benchmarks.minilm` builds recipes/minilm-search.opt (its steps come from the cache where they can) and
prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from infopt_compiler.artifacts import HFModel, OnnxModel, TextData
from infopt_compiler.measure.embedding.agreement import compare_embeddings
from infopt_compiler.measure.serving.latency import compare
from infopt_compiler.measure.serving.samples import BlockSamples
from infopt_compiler.scenario import Scenario, ScenarioMode

ROOT = Path(__file__).parents[1]
SHAPES = ((1, 12), (1, 65), (32, 128))  # (batch, tokens of a text)
NAMES = {"minilm": "torch fp32", "exact": "onnx fp32", "fast": "onnx int8"}


def steps() -> dict[str, Path]:
    """The folder of each binding of the recipe's newest build."""
    command = [str(Path(sys.executable).with_name("infopt-compile")), str(ROOT / "recipes/minilm-search.opt")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    report = json.loads((ROOT / "outputs/minilm-search/latest/report.json").read_text("utf-8"))
    return {row["name"]: Path(row["path"]) for row in report["passes"]}


def times(samples: BlockSamples) -> str:
    """Median over requests, and the lowest and highest median of a process, in ms."""
    medians = [statistics.median(block) * 1e3 for block in samples.values("latency")]
    value = statistics.median(samples.pooled("latency")) * 1e3
    return f"{value:.2f} ({min(medians):.2f} … {max(medians):.2f})"


def main() -> None:
    found = steps()
    text = TextData(found["heldout"], "")
    reference = HFModel(found["minilm"], "")
    rows = compare_embeddings(reference, OnnxModel(found["fast"], ""), text)
    floats = compare_embeddings(reference, OnnxModel(found["exact"], ""), text)
    for name, agreement in (("onnx fp32", floats), ("onnx int8", rows)):
        cosines = [row.cosine for row in agreement]
        shared = statistics.fmean(row.shared for row in agreement)
        print(
            f"{name}: cosine mean {statistics.fmean(cosines):.5f}, min {min(cosines):.5f}, neighbours {shared:.1%}"
        )
    print("| texts × tokens | " + " | ".join(NAMES.values()) + " | int8 over torch |")
    print("|---|" + "---|" * (len(NAMES) + 1))
    for batch, tokens in SHAPES:
        scenario = Scenario("s", prompt=tokens, generate=0, batch=batch, mode=ScenarioMode.batch)
        variants = {name: (HFModel if name == "minilm" else OnnxModel)(found[name], "") for name in NAMES}
        samples = compare(variants, scenario, rounds=5, requests=20 if batch == 1 else 4, warmup=3)
        medians = {name: statistics.median(one.pooled("latency")) for name, one in samples.items()}
        cells = " | ".join(times(samples[name]) for name in NAMES)
        print(f"| {batch} × {tokens} | {cells} | ×{medians['minilm'] / medians['fast']:.2f} |")


if __name__ == "__main__":
    main()
