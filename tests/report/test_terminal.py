"""What `--quiet` prints is the last line of what is printed without it."""

from __future__ import annotations

from typing import Any

import pytest

from infopt_compiler.report.terminal import tell_report
from tests.report.conftest import bound

MISSED = bound(metric="size", verdict="missed")
OPEN = bound(metric="perplexity", verdict="inconclusive")
FIRST = bound(metric="tpot.p50", verdict="baseline")
FORETOLD = bound(metric="cost", verdict="predicted")
REFUSED = {"code": "E0913", "severity": "error", "message": "no way", "span": None, "help": None}
WRONG = {"code": "E0805", "severity": "error", "message": "the disk is full", "span": None, "help": None}


def printed(report: dict[str, Any], verbosity: int, folder: Any, capsys: Any) -> list[str]:
    tell_report(report, folder, {"color": False, "verbosity": verbosity}, [])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("verdict", "bounds", "diagnostics", "says"),
    [
        ("met", [bound(), bound(metric="size")], [], "MET · all 2 bounds are met"),
        ("met", [], [], "MET · built; no bounds to judge"),
        ("met", [bound(), FIRST], [], "MET · its bound is met; kept for the next build to be held to: tpot.p50"),
        ("met", [FORETOLD], [], "MET · by prediction; 1 of 1 bounds not decided by measuring"),
        ("missed", [bound(), MISSED], [], "MISSED · 1 of 2 bounds missed: size"),
        ("missed", [FORETOLD, bound()], [], "MISSED · by prediction; 1 of 2 bounds not decided by measuring"),
        ("missed", [], [REFUSED], "MISSED · refused before anything was computed: no way"),
        ("inconclusive", [OPEN, bound()], [], "INCONCLUSIVE · 1 of 2 bounds inconclusive: perplexity"),
        ("predicted", [FORETOLD], [], "PREDICTED · predicted only, on cpu: 1 of 1 bounds not measured"),
        ("failed", [], [WRONG], "FAILED · the disk is full"),
    ],
)  # fmt: skip
def test_quiet_counts_every_bound(verdict, bounds, diagnostics, says, report, tmp_path, capsys):
    told = {**report, "verdict": verdict, "bounds": bounds, "diagnostics": diagnostics}
    quiet = printed(told, -1, tmp_path, capsys)
    assert quiet == printed(told, 0, tmp_path, capsys)[-1:]
    assert quiet == [f"{says} · report: {tmp_path}"]
