from __future__ import annotations

import json
import math
from dataclasses import replace

from infopt_compiler.budget import Basis, Bound, BoundResult, Interval, Operator, Verdict
from infopt_compiler.diagnostics import Input, Span
from infopt_compiler.units import parse_quantity

BOUND = Bound("tpot", Operator.le, parse_quantity("12 ms"), "p50")


def row(value: float | None, low: float, high: float, verdict: Verdict) -> BoundResult:
    return BoundResult(
        BOUND, "chat", "assistant", 0.012, Interval(value, low, high, 0.95), Basis.measured, verdict
    )


def test_a_row_has_what_the_report_promises() -> None:
    found = row(0.0162, 0.016, 0.017, Verdict.missed).to_json()
    assert found["metric"] == "tpot.p50"
    assert (found["limit"], found["limit_raw"], found["unit"]) == (0.012, "12 ms", "s")
    assert found["interval"] == [0.016, 0.017]
    assert found["verdict"] == "missed"
    promised = (
        "subject reference scenario operator value confidence estimator samples blocks basis severity span"
    )
    assert set(promised.split()) <= set(found)


def test_infinite_limits_are_null_in_json() -> None:
    text = json.dumps(row(None, 0.001, math.inf, Verdict.inconclusive).to_json(), allow_nan=False)
    assert json.loads(text)["interval"] == [0.001, None]


def test_missed_by_how_much_is_told() -> None:
    assert row(0.0162, 0.016, 0.017, Verdict.missed).text == "16.2 ms of 12 ms: 35.0% over"
    assert row(0.009, 0.008, 0.01, Verdict.met).text == "9 ms of 12 ms: 25.0% to spare"
    assert row(None, 0.024, math.inf, Verdict.missed).text == "at least 24 ms of 12 ms: 100.0% over"
    assert row(None, 0.001, math.inf, Verdict.inconclusive).text == "no value of 12 ms"


def test_a_relative_limit_keeps_its_words_and_its_place() -> None:
    source = Input("r.opt", "budget c {\n  perplexity <= 105% of base\n}")
    span = Span(source, 13, 39)
    bound = Bound("perplexity", Operator.le, parse_quantity("105%"), relative_to="base", on="held", span=span)
    found = replace(row(18.0, 17.9, 18.1, Verdict.met), bound=bound, limit=18.4).to_json()
    assert (found["limit_raw"], found["reference"], found["on"]) == ("105% of base", "base", "held")
    assert (found["span"]["line"], found["span"]["text"]) == (2, "perplexity <= 105% of base")
