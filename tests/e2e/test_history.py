"""Builds in sequence through the installed command: the history that they leave, and bounds `of last`."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import RECIPE, Workplace

pytestmark = pytest.mark.slow

LAST = RECIPE.replace("chat", "onnx")
BOUNDS = """\
    warn tpot.p50 <= 1000% of last
    size <= 100% of last
    kl.mean <= 101% of last vs base on heldout
"""
LAST = LAST[: LAST.index("    ttft.p50")] + BOUNDS + "}\n"


@pytest.fixture(scope="module")
def builds(workplace: Workplace):
    """The first build, one of the same, one with a larger artifact, and that one again."""
    workplace.write("last.opt", LAST)
    found = []
    for words in ((), (), ("onnx.format=onnx", "q.bits=8"), ()):
        done = workplace.run("last.opt", *words)
        found.append((done, workplace.report("last")))
    return found


def verdicts(report):
    """Of what does not hang on the machine; of the time only that it is never called missed: others may be using the cores."""
    found = {bound["metric"]: bound["verdict"] for bound in report["bounds"]}
    assert found.pop("tpot.p50", "met") in ("met", "inconclusive", "baseline")
    return found


def test_the_first_build_is_the_baseline(builds):
    done, report = builds[0]
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(verdicts(report).values()) == {"baseline"}
    assert "kept for the next build to be held to: size, kl.mean" in done.stdout.splitlines()[-1]
    assert all(bound["limit"] is None and bound["value"] is not None for bound in report["bounds"])


def test_the_second_is_held_to_it(builds):
    done, report = builds[1]
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(verdicts(report).values()) == {"met"}
    rows = {bound["metric"]: bound for bound in report["bounds"]}
    first = {bound["metric"]: bound for bound in builds[0][1]["bounds"]}
    assert rows["size"]["limit"] == first["size"]["value"] and rows["size"]["ratio"] == 1.0
    assert rows["tpot.p50"]["limit"] == pytest.approx(10 * first["tpot.p50"]["value"])
    assert rows["kl.mean"]["ratio"] == 1.0 and "not measured anew" in rows["kl.mean"]["note"]


def test_other_overrides_are_another_series(builds):
    _, report = builds[2]
    assert set(verdicts(report).values()) == {"baseline"}
    assert set(verdicts(builds[3][1]).values()) == {"met"}


def test_a_change_of_the_recipe_is_judged_against_the_build_before(workplace, builds):
    """Four bits for eight: smaller, and further from the reference."""
    workplace.write("last.opt", LAST.replace("bits = 8", "bits = 4"))
    plan = workplace.run("plan", "last.opt").stdout
    assert "by the build of" in plan
    missed = workplace.run("last.opt")
    assert missed.returncode == 3, missed.stdout + missed.stderr
    assert verdicts(workplace.report("last")) == {"size": "met", "kl.mean": "missed"}
    again = workplace.run("last.opt")
    assert again.returncode == 3, "a build that missed is no new measure"
    accepted = workplace.run("last.opt", "budget.onnx.kl.mean='9 nats'")
    assert accepted.returncode == 0, accepted.stdout
    assert workplace.run("last.opt").returncode == 0, "what was accepted is the new measure"
    workplace.write("last.opt", LAST)


def test_history_shows_the_builds(workplace, builds):
    shown = json.loads(workplace.run("history", "last.opt", "kl.mean", "--json").stdout)
    rows = shown["builds"][:4]
    assert [row["exit_code"] for row in rows] == [0, 0, 0, 0]
    assert all(row["same_machine"] and row["commit"] is None for row in rows)
    assert rows[0]["figures"][0]["verdict"] == "baseline" and rows[1]["figures"][0]["verdict"] == "met"
    assert {"onnx.format=onnx", "q.bits=8"} <= set(rows[2]["overrides"])
    text = workplace.run("history", "last.opt").stdout
    assert "tpot.p50 of last" in text and "size of last" in text
    assert workplace.run("history", "last.opt", "tpot.p51").returncode == 1


def test_diff_of_two_builds(workplace, builds):
    runs = sorted(path for path in (workplace.folder / "outputs/last").iterdir() if path.name != "latest")
    done = workplace.run("diff", str(runs[0]), str(runs[1]), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(row["same"] for row in found["passes"]) and found["parameters"] == []
    assert {row["change"] for row in found["bounds"]} <= {"same", "no difference shown", "better", "worse"}


def test_a_damaged_history_is_a_warning_and_leaves_bounds_of_last_open(workplace, builds):
    history = workplace.folder / "outputs/history.sqlite"
    kept = {path: path.read_bytes() for path in history.parent.glob("history.sqlite*")}
    for path in kept:
        path.unlink()
    history.write_bytes(b"no database at all, and longer than a header " * 40)
    try:
        done = workplace.run("last.opt")
        plain = workplace.run(
            "last.opt",
            *(f"~budget.onnx.{name}" for name in ("tpot.p50", "kl.mean")),
            "budget.onnx.size=50 MB",
        )
    finally:
        history.unlink()
        for path, data in kept.items():
            path.write_bytes(data)
    assert done.returncode == 4 and done.stderr.count("warning[E0914]") >= 1, done.stderr
    assert plain.returncode == 0 and "warning[E0914]" in plain.stderr, plain.stderr
