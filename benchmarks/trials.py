"""How often verdicts are wrong: simulated and real trials whose truth is known.

python -m benchmarks.trials simulated                      300 trials of each kind, seconds
python -m benchmarks.trials same ARTIFACT --trials 5       the artifact against itself, and against itself with 5 %
                                                               added to each token's time; rows add up in --out
python -m benchmarks.trials slower ARTIFACT                a copy that sleeps 5 % of each request's time
python -m benchmarks.trials loaded ARTIFACT                two processes burning the cores beside it
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.simulated import World, ratio_bound, time_bound, trial
from infopt_compiler.budget import judge
from infopt_compiler.measure.estimate import estimate, estimate_ratio
from infopt_compiler.measure.latency import run_block
from infopt_compiler.measure.samples import Block, BlockSamples
from infopt_compiler.measure.scenario import Scenario
from infopt_compiler.measure.settings import PRESETS, MeasureSettings

CONFIDENCE, RESOLUTION, SLOWDOWN = 0.99, 0.05, 1.05
SHORT = Scenario("short", prompt=64, generate=16)
SETTINGS = replace(PRESETS["standard"], seconds=1e9, max_blocks=20)
_BURN = "while True: pass"


def simulated(count: int) -> dict[str, Any]:
    """False and right verdicts of bounds at the truth, and at the truth ± the resolution; ratios of equal variants."""
    found: dict[str, Any] = {}
    for drift in (0.02, 0.075):
        world = World(drift=drift)
        for aggregate, q in (("p50", 0.5), ("p95", 0.95)):
            truth = world.truth(q)
            for move in (1 - RESOLUTION, 1.0, 1 + RESOLUTION):
                bound = time_bound(aggregate, truth * move, CONFIDENCE)
                verdicts = Counter(
                    trial(world, bound, SETTINGS, k, {"subject": 1.0})[0].value for k in range(count)
                )
                found[f"drift {drift:g}, {aggregate}, limit {move:g} × truth"] = dict(verdicts)
        found.update(simulated_ratios(World(drift=drift, machine=0.075), count))
    return found


def simulated_ratios(world: World, count: int, settings: MeasureSettings = SETTINGS) -> dict[str, Any]:
    """A/A, and a subject that is 5 % slower, judged against 100 % and 105 % of the reference."""
    found = {}
    for speed, limit in ((1.0, 1 - RESOLUTION), (1.0, 1.0), (1.0, 1 + RESOLUTION), (SLOWDOWN, 1.0)):
        bound = ratio_bound("p50", limit, CONFIDENCE)
        speeds = {"subject": speed, "reference": 1.0}
        verdicts = Counter(trial(world, bound, settings, k, speeds)[0].value for k in range(count))
        found[f"drift {world.drift:g}, ratio of p50, {speed:g} against {limit:g}"] = dict(verdicts)
    return found


def pairs(folder: Path, blocks: int, requests: int, seed: int) -> tuple[BlockSamples, BlockSamples]:
    """Blocks of the artifact and of itself, A B B A."""
    found: tuple[list[Block], list[Block]] = ([], [])
    for number in range(blocks):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            found[side].append(run_block(folder, SHORT, requests, 1, seed + number)[0])
    return BlockSamples(tuple(found[0])), BlockSamples(tuple(found[1]))


def slowed(samples: BlockSamples, factor: float) -> BlockSamples:
    """The samples of a server that waits `factor` - 1 of each token's time after it; the wait is added, not slept."""
    blocks = []
    for block in samples.blocks:
        rows = tuple(
            replace(r, gaps=tuple(g * factor for g in r.gaps), latency=r.ttft + (r.latency - r.ttft) * factor)
            for r in block.requests
        )
        blocks.append(replace(block, requests=rows))
    return BlockSamples(tuple(blocks))


def real(
    folder: Path, count: int, blocks: int, seed: int, truth: float | None, out: Path | None
) -> list[dict[str, Any]]:
    """Trials of the same artifact against itself, and of a slowed one, on the same blocks."""
    rows = []
    for number in range(count):
        left, right = pairs(folder, blocks, 10, seed + 1000 * number)
        ratio = estimate_ratio(left, right, "tpot", "p50", CONFIDENCE)
        slow = estimate_ratio(slowed(left, SLOWDOWN), right, "tpot", "p50", CONFIDENCE)
        own = estimate(left, "tpot", "p50", CONFIDENCE)
        row = {
            "p50": own.value,
            "p50_limits": [own.low, own.high],
            "p50_of_the_other": median(right.pooled("tpot")),
        }
        row |= {"ratio": ratio.value, "ratio_limits": [ratio.low, ratio.high], "blocks": ratio.blocks}
        for name, interval in (("same", ratio), ("slower", slow)):
            for limit in (1 - RESOLUTION, 1.0, 1 + RESOLUTION):
                row[f"{name} <= {limit:.0%}"] = judge(
                    ratio_bound("p50", limit, CONFIDENCE), interval, limit
                ).value
        if truth is not None:
            for move in (1 - RESOLUTION, 1 + RESOLUTION):
                bound = time_bound("p50", truth * move, CONFIDENCE)
                row[f"p50 <= {move:.0%} of the quiet one"] = judge(bound, own, truth * move).value
        row["busy_share_others"] = max(b.state["busy_share_others"] for s in (left, right) for b in s.blocks)
        rows.append(row)
        print(json.dumps(row), flush=True)
        if out:
            with out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
    return rows


def loaded(folder: Path, blocks: int, truth: float | None, out: Path | None) -> list[dict[str, Any]]:
    """The same beside two processes that burn the cores."""
    burners = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(2)]
    try:
        return real(folder, 1, blocks, 77, truth, out)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("simulated", "same", "loaded"))
    parser.add_argument("artifact", type=Path, nargs="?")
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", type=float, help="seconds: p50 of tpot of many quiet blocks")
    parser.add_argument("--out", type=Path, help="JSON lines to add to")
    options = parser.parse_args()
    if options.kind == "simulated":
        for name, verdicts in simulated(options.trials).items():
            print(f"{name}: {verdicts}")
        return
    if options.kind == "same":
        real(options.artifact, options.trials, options.blocks, options.seed, options.truth, options.out)
    else:
        loaded(options.artifact, options.blocks, options.truth, options.out)


if __name__ == "__main__":
    main()
