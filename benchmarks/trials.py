"""How often verdicts are wrong: simulated and real trials whose truth is known.

python -m benchmarks.trials simulated [--trials 300] [--only WORDS]   minutes; WORDS: a part of the names printed
python -m benchmarks.trials same ARTIFACT --out FILE          30 trials of the artifact against itself, rows added to FILE
python -m benchmarks.trials slower ARTIFACT --out FILE        the same artifact in a process that waits 5 % longer for each
                                                              token, block after block until that is found
python -m benchmarks.trials loaded ARTIFACT --out FILE        two processes burn the cores beside it
python -m benchmarks.trials table FILE                        what FILE holds

Real trials take blocks as a build does (a fresh process each, A B B A, analyses that share the error) and judge them as it
does. FILE keeps every time, so that verdicts can be had again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.simulated import KINDS, World, job_of, ratio_bound, time_bound, trial
from infopt_compiler.artifacts import Artifact, OnnxModel
from infopt_compiler.budget import Bound, Verdict
from infopt_compiler.measure.judging import judge_reading
from infopt_compiler.measure.requests.instrument import Timing
from infopt_compiler.measure.serving.latency import GROWTH, run_block, sample
from infopt_compiler.measure.serving.samples import Block, BlockSamples
from infopt_compiler.measure.settings import PRESETS, MeasureSettings
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets.counters import BUSY_SHARE

CONFIDENCE, RESOLUTION, SLOWDOWN = 0.99, 0.05, 1.05
SHORT = Scenario("short", prompt=64, generate=16)
SIMULATED = replace(PRESETS["standard"], seconds=1e9, max_blocks=40)
# Short requests, and as few blocks as a median needs at this confidence (docs/measuring.md): thirty trials in twenty minutes.
REAL = replace(PRESETS["quick"], seconds=1e9, min_blocks=7, max_blocks=7, requests=5, warmup=1, warmup_most=2)
SLOWER = replace(REAL, max_blocks=16)
LIMITS = (1 - RESOLUTION, 1.0, 1 + RESOLUTION)
FAR = 1.5  # a tail is decided from farther away than a median
_BURN = "while True: pass"
_ROOT = Path(__file__).resolve().parent.parent


def simulated(count: int, only: str = "") -> Iterator[tuple[str, dict[str, int]]]:
    """False and right verdicts of bounds at the truth and beside it; ratios of equal variants. Those whose name holds `only`."""
    worlds: dict[str, tuple[World, tuple[float, ...]]]
    worlds = {f"drift {drift:g}": (World(drift=drift), (*LIMITS, FAR)) for drift in (0.02, 0.075)}
    worlds |= {name: (world, (1.0, FAR)) for name, world in KINDS.items()}
    for name, (world, moves) in worlds.items():
        for aggregate, q in (("p50", 0.5), ("p95", 0.95)):
            if only in f"{name}, {aggregate}":
                yield from simulated_bounds(name, world, (aggregate, q), moves, count)
    for drift in (0.02, 0.075):
        if only in f"drift {drift:g}, ratio":
            yield from simulated_ratios(World(drift=drift, machine=0.075), count).items()


def simulated_bounds(
    name: str, world: World, percentile: tuple[str, float], moves: Sequence[float], count: int
) -> Iterator[tuple[str, dict[str, int]]]:
    aggregate, q = percentile
    truth = world.truth(q)
    for move in moves:
        bound = time_bound(aggregate, truth * move, CONFIDENCE)
        verdicts = Counter(trial(world, bound, SIMULATED, k, {"subject": 1.0})[0].value for k in range(count))
        yield f"{name}, {aggregate}, limit {move:g} × truth", dict(verdicts)


def simulated_ratios(world: World, count: int, settings: MeasureSettings = SIMULATED) -> dict[str, Any]:
    """A/A, and a subject that is 5 % slower, judged against 100 % and 105 % of the reference."""
    found = {}
    for speed, limit in ((1.0, 1 - RESOLUTION), (1.0, 1.0), (1.0, 1 + RESOLUTION), (SLOWDOWN, 1.0)):
        bound = ratio_bound("p50", limit, CONFIDENCE)
        speeds = {"subject": speed, "reference": 1.0}
        verdicts = Counter(trial(world, bound, settings, k, speeds)[0].value for k in range(count))
        found[f"drift {world.drift:g}, ratio of p50, {speed:g} against {limit:g}"] = dict(verdicts)
    return found


@dataclass(frozen=True)
class Trial:
    """What a real trial measured; `kind`: same, slower or loaded."""

    kind: str
    timing: Timing

    def verdict(self, bound: Bound) -> Verdict:
        return judge_reading(self.timing.job, bound, self.timing)[0]

    def ratio(self) -> tuple[float, float, float]:
        """p50 of tpot, subject over reference: value and limits; (nan, 0, inf) where there is none."""
        found = self.timing.ratio(ratio_bound("p50", 1.0, CONFIDENCE))
        return (float("nan") if found.value is None else found.value, found.low, found.high)

    def undisturbed(self) -> Trial:
        """The same times as if nothing had been seen of others: every block counts, no interval is opened."""
        samples = {
            name: replace(found, blocks=tuple(replace(block, state={}) for block in found.blocks))
            for name, found in self.timing.samples.items()
        }
        return replace(self, timing=replace(self.timing, samples=samples))

    @property
    def pairs(self) -> int:
        return len(self.timing.samples["subject"].blocks)

    def busy_share(self) -> float:
        return max(
            float(b.state["busy_share_others"]) for s in self.timing.samples.values() for b in s.blocks
        )

    def to_json(self) -> dict[str, Any]:
        samples = {name: found.to_json() for name, found in self.timing.samples.items()}
        return {"kind": self.kind, "samples": samples, "look": self.timing.analysis, "last": self.timing.last}


def found_after(trial: Trial, bound: Bound) -> tuple[int, str]:
    """Pairs of blocks at the first analysis that decides the bound, and its verdict; analyses as `sample` takes them."""
    number, analysis = REAL.min_blocks, 1
    while True:
        samples = {n: replace(s, blocks=s.blocks[:number]) for n, s in trial.timing.samples.items()}
        last = number >= trial.pairs
        verdict = judge_reading(
            trial.timing.job, bound, replace(trial.timing, samples=samples, analysis=analysis, last=last)
        )[0]
        if last or verdict is not Verdict.inconclusive:
            return min(number, trial.pairs), verdict.value
        number, analysis = min(trial.pairs, number * GROWTH), analysis + 1


def read_trials(file: Path, kind: str) -> list[Trial]:
    rows = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    return [Trial(kind, _timing(row, SETTINGS_OF[kind])) for row in rows if row["kind"] == kind]


def _timing(row: dict[str, Any], settings: MeasureSettings) -> Timing:
    samples = {name: BlockSamples.from_json(data) for name, data in row["samples"].items()}
    return Timing(job_of(settings), SHORT, samples, row["look"], row["last"])


SETTINGS_OF = {"same": REAL, "slower": SLOWER, "loaded": REAL}


def real(artifact: Path, kind: str, seed: int) -> Trial:
    """One trial: the artifact (or its slower server) as `subject`, itself as `reference`."""
    settings = replace(SETTINGS_OF[kind], seed=seed)
    os.environ["PYTHONPATH"] = str(_ROOT)  # where the slower server lies

    def serve(
        variant: Artifact, scenario: Scenario, requests: int, warmup: int, number: int, prompts: Path | None
    ) -> tuple[Block, dict[str, Any]]:
        slower = kind == "slower" and variant.path.name == "subject"
        module = {"server": "benchmarks.slow_server"} if slower else {}
        settle = settings.warmup_most - warmup, settings.stable
        return run_block(
            OnnxModel(artifact, ""), scenario, requests, warmup, number, prompts, settle, **module
        )

    def decided(found: dict[str, BlockSamples], analysis: int, last: bool) -> bool:
        timing = Timing(job_of(settings), SHORT, found, analysis, last)
        verdict = judge_reading(timing.job, ratio_bound("p50", 1.0, CONFIDENCE), timing)[0]
        return verdict is not Verdict.inconclusive

    variants = {name: OnnxModel(Path(name), "") for name in ("subject", "reference")}
    samples, analysis, last = sample(variants, SHORT, settings, decided, serve=serve)
    return Trial(kind, Timing(job_of(settings), SHORT, samples, analysis, last))


def collect(artifact: Path, kind: str, count: int, seed: int, out: Path) -> None:
    for number in range(count):
        found = real(artifact, kind, seed + 1000 * number)
        with out.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found.to_json()) + "\n")
        ratio, low, high = found.ratio()
        own = median(found.timing.samples["subject"].pooled("tpot"))
        print(f"{kind} {number}: tpot {own * 1e3:.3f} ms, ratio {ratio:.3f} ({low:.3f} … {high:.3f}), {found.pairs} pairs", flush=True)  # fmt: skip


def burn() -> Iterator[subprocess.Popen[bytes]]:
    for _ in range(2):
        yield subprocess.Popen([sys.executable, "-c", _BURN])


def table(file: Path) -> None:
    """Verdicts of every kind of bound over the trials, and how much the real ones scattered."""
    same, slower, loaded = (read_trials(file, kind) for kind in ("same", "slower", "loaded"))
    kept = {
        kind: trials for kind, trials in (("same", same), ("slower", slower), ("loaded", loaded)) if trials
    }
    of = same or [trial for trials in kept.values() for trial in trials]
    truth = median(v for found in of for v in found.timing.samples["reference"].pooled("tpot"))
    print(f"{len(same)} trials of the same, p50 of tpot of the reference over all: {truth * 1e3:.3f} ms")
    ratios = sorted(found.undisturbed().ratio()[0] for found in same)
    busy = sum(bool(found.busy_share() > BUSY_SHARE) for found in same)
    print(f"{busy} of them with a busy block")
    if ratios:
        print(f"ratios {ratios[0]:.3f} … {ratios[-1]:.3f}, median {median(ratios):.4f}\n")
    print("| kind | bound | met | missed | inconclusive |\n|---|---|--:|--:|--:|")
    kept |= {f"{kind}, busy blocks kept": [t.undisturbed() for t in trials] for kind, trials in kept.items()}
    for kind, trials in kept.items():
        for words, bound in _bounds(truth):
            counts = Counter(found.verdict(bound).value for found in trials)
            print(f"| {kind} | {words} | {counts['met']} | {counts['missed']} | {counts['inconclusive']} |")
    for found in slower:
        ratio, low, high = found.undisturbed().ratio()
        pairs, verdict = found_after(found.undisturbed(), ratio_bound("p50", 1.0, CONFIDENCE))
        print(f"slower: {verdict} after {pairs} pairs; ratio {ratio:.3f} ({low:.3f} … {high:.3f}) over {found.pairs}")  # fmt: skip
    for found in loaded:
        own = found.timing.interval("tpot", "p50", CONFIDENCE)
        print(f"loaded: others took up to {found.busy_share():.0%}; tpot.p50 {own.low * 1e3:.2f} … {own.high * 1e3:.2f} ms, ratio {found.ratio()}")  # fmt: skip
    for found in same[:1]:
        tail = found.timing.interval("tpot", "p99", CONFIDENCE)
        print(f"p99 of {tail.samples} requests: value {tail.value}, {tail.note}")


def _bounds(truth: float) -> Iterator[tuple[str, Bound]]:
    for move in LIMITS:
        yield f"tpot.p50 <= {move:.0%} of itself", ratio_bound("p50", move, CONFIDENCE)
    for move in LIMITS:
        words = f"tpot.p50 <= {move:.0%} of the median of all trials"
        yield words, time_bound("p50", truth * move, CONFIDENCE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("simulated", *SETTINGS_OF, "table"))
    parser.add_argument("artifact", type=Path, nargs="?", help="an exported decoder; for `table` the file")
    parser.add_argument("--only", default="")
    parser.add_argument("--trials", type=int, help="300 simulated, 30 of the same, 5 slower, 3 loaded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON lines to add to")
    options = parser.parse_args()
    count = options.trials or {"simulated": 300, "same": 30, "slower": 5, "loaded": 3}.get(options.kind, 0)
    if options.kind == "simulated":
        for name, verdicts in simulated(count, options.only):
            print(f"{name}: {verdicts}", flush=True)
        return
    if options.kind == "table":
        table(options.artifact)
        return
    out = options.out or Path(tempfile.mkdtemp()) / "trials.jsonl"
    burners = list(burn()) if options.kind == "loaded" else []
    try:
        collect(options.artifact, options.kind, count, options.seed, out)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    print(out)


if __name__ == "__main__":
    main()
