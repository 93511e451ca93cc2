from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from infopt_compiler.budget import Interval, Verdict, judge
from infopt_compiler.measure.requests.estimate import estimate, estimate_ratio
from infopt_compiler.measure.serving.machine_state import (
    MachineState,
    Watch,
    machine_state,
    trusted,
)
from infopt_compiler.measure.serving.samples import Block, BlockSamples, Request
from infopt_compiler.targets.counters import BUSY_SHARE, Counters, allowed_cores
from tests.measure.test_evaluate import bound

QUIET = MachineState(5.0, 0.01, 0.0, 0, 0.5, 2500.0)
BUSY = replace(QUIET, busy_share_others=0.5)


_SPIN = "import time; e = time.monotonic() + {}\nwhile time.monotonic() < e: pass"


def samples(*states: MachineState, seconds: float = 0.010) -> BlockSamples:
    """20 requests a block; a busy one takes twice as long."""
    blocks = []
    for number, state in enumerate(states):
        took = seconds * (2 if state.is_busy else 1) * (1 + 0.001 * number)
        rows = tuple(Request(took, took, 2 * took, (took * (1 + 0.001 * k),), 8) for k in range(20))
        blocks.append(Block(rows, 40 * took, took, 1, 1, asdict(state)))
    return BlockSamples(tuple(blocks))


def test_another_process_is_seen_and_a_child_of_ours_is_not() -> None:
    """One of five readings: what else the machine does comes and goes."""
    for _ in range(5):
        ours, theirs = _state_beside_a_child(), _state_beside_another()
        if theirs.busy_share_others > ours.busy_share_others + 0.5 / len(allowed_cores()):
            break
    assert theirs.busy_share_others > ours.busy_share_others + 0.5 / len(allowed_cores())
    assert theirs.is_busy or len(allowed_cores()) > 1 / BUSY_SHARE


def _state_beside_a_child() -> MachineState:
    watch = Watch()
    subprocess.run([sys.executable, "-c", _SPIN.format(1)], check=True)
    return watch.state()


def _state_beside_another() -> MachineState:
    """Not waited for before the second reading: its time is nobody's child's yet."""
    watch = Watch()
    with subprocess.Popen([sys.executable, "-c", _SPIN.format(30)]) as other:
        time.sleep(1.0)
        state = watch.state()
        other.kill()
    return state


def test_busy_blocks_are_left_out_while_most_are_quiet() -> None:
    mixed = samples(QUIET, BUSY, QUIET, QUIET)
    kept, disturbed = trusted(mixed)
    assert (len(kept.blocks), disturbed) == (3, False)
    assert estimate(mixed, "tpot", "p50", 0.95).value == pytest.approx(0.0101, rel=0.01)


@pytest.mark.parametrize("metric", ["tpot.p50", "tpot.p90", "throughput"])
def test_load_never_makes_a_bound_missed(metric: str) -> None:
    name, _, aggregate = metric.partition(".")
    quiet, loaded = (estimate(samples(*[s] * 14), name, aggregate or None, 0.95) for s in (QUIET, BUSY))
    better = "<=" if aggregate else ">="
    unit = "ms" if aggregate else "tok/s"
    # Between what the quiet and what the loaded machine do: met when quiet, undecided under load.
    limit = bound(f"{metric} {better} {15 if aggregate else 70} {unit}")
    loose = bound(f"{metric} {better} {50 if aggregate else 10} {unit}")
    tight = bound(f"{metric} {better} {5 if aggregate else 200} {unit}")

    def verdicts(interval: Interval) -> list[Verdict]:
        return [judge(b, interval, b.limit.base) for b in (loose, limit, tight)]

    assert verdicts(quiet) == [Verdict.met, Verdict.met, Verdict.missed]
    assert verdicts(loaded) == [Verdict.met, Verdict.inconclusive, Verdict.inconclusive]
    assert "machine was busy" in (loaded.note or "")


def test_a_ratio_of_disturbed_pairs_says_nothing() -> None:
    quiet = samples(*[QUIET] * 4)
    assert estimate_ratio(quiet, quiet, "tpot", "p50", 0.95).value == pytest.approx(1.0)
    half = estimate_ratio(quiet, samples(QUIET, BUSY, QUIET, BUSY), "tpot", "p50", 0.95)
    assert half.value == pytest.approx(1.0)
    assert half.blocks == 2
    none = estimate_ratio(quiet, samples(*[BUSY] * 4), "tpot", "p50", 0.95)
    assert (none.value, none.high) == (None, math.inf)
    tails = estimate_ratio(quiet, samples(*[BUSY] * 4), "tpot", "p90", 0.95)
    assert tails.low < 1 < tails.high  # half of the reference under load: not seen as twice as fast


def test_the_report_says_loudly_what_others_did() -> None:
    found = machine_state({"chat": samples(QUIET, BUSY)}, {}, [])
    assert found["busy_blocks"] == 1
    assert found["busy_share_others"] == pytest.approx(0.255)
    assert "BUSY during 1 of 2 blocks" in found["notes"][0]
    assert machine_state({"chat": samples(QUIET)}, {}, [])["notes"] == []


def test_the_load_of_a_reused_timing_is_that_of_its_time() -> None:
    assert machine_state({"chat": samples(QUIET)}, {}, [0.5, 0.4, 0.3])["load"] == [0.5, 0.4, 0.3]


def test_a_quota_is_told_and_disturbs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that may use half a core is that machine: it is throttled all the time, and nobody else is to blame."""
    readings = iter([Counters(0.0, 5.0, 5.0, 0.0, 10), Counters(1.0, 5.5, 5.5, 0.0, 16)])
    monkeypatch.setattr("infopt_compiler.measure.serving.machine_state.read_counters", lambda: next(readings))
    state = Watch().state()
    assert (state.throttled, state.busy_share_others, state.is_busy) == (6, 0.0, False)
    throttled = samples(*[replace(QUIET, throttled=6)] * 4)
    assert trusted(throttled) == (throttled, False)
    told = machine_state({"chat": throttled}, {}, [])
    assert (told["throttled_periods"], told["busy_blocks"], told["notes"]) == (24, 0, [])


def test_what_the_hypervisor_takes_disturbs() -> None:
    assert replace(QUIET, steal_share=0.06).is_busy and not replace(QUIET, steal_share=None).is_busy
