"""`of last` in the language: a word, not a binding."""

from __future__ import annotations

import pytest

from infopt_compiler.budget import BoundSeverity
from infopt_compiler.diagnostics import Input
from infopt_compiler.graph import build_graph
from infopt_compiler.syntax import format_recipe, parse_recipe
from tests.sema.recipes import GOOD, changed, check

LAST = GOOD.replace("size <= 110 MB", "size <= 100% of last\n    tpot.p50 <= 15 ms, tpot.p50 <= 102% of last")


def bounds(*overrides: str):
    return check(LAST, *overrides).good.budgets["chat"].bounds


def test_bounds_of_last_name_no_binding():
    size, absolute, tpot = bounds()[1:4]
    assert size.of_last and size.beside is None and size.limit.base == 1.0
    assert tpot.of_last and not absolute.of_last and absolute.name == tpot.name
    assert "last" not in build_graph(check(LAST).good).steps


def test_it_is_printed_as_it_is_written():
    tree, found = parse_recipe(Input("a.opt", LAST))
    assert not found and "tpot.p50   <= 102% of last\n" in format_recipe(tree)
    again, _ = parse_recipe(Input("a.opt", format_recipe(tree)))
    assert again == tree


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kl.mean <= 0.05 nats vs", "kl.mean <= 110% of last vs"),
        ("size <= 110 MB", "top1 >= 99% of last vs best on heldout"),
        ("105% of best on", "101% of last on"),
        ("warn cost <= 0.10 USD/Mtok", "warn cost <= 105% of last"),
    ],
)
def test_every_metric_may_compare_with_the_last_build(old, new):
    assert any(bound.of_last for bound in changed(old, new).good.budgets["chat"].bounds)


@pytest.mark.parametrize(
    ("override", "index", "limit"),
    [
        ("budget.chat.tpot.p50=103%", 3, 1.03),
        ("budget.chat.tpot.p50=103% of last", 3, 1.03),
        ("budget.chat.tpot.p50=20 ms", 2, 0.02),
        ("budget.chat.size=101%", 1, 1.01),
    ],
)
def test_an_override_finds_the_bound_of_its_kind(override, index, limit):
    changed, before = bounds(override), bounds()
    assert changed[index].limit.base == pytest.approx(limit)
    assert changed[index].of_last == before[index].of_last
    others = [(new, old) for k, (new, old) in enumerate(zip(changed, before, strict=True)) if k != index]
    assert all(new == old for new, old in others)


def test_a_limit_of_its_own_replaces_that_of_the_last():
    assert not bounds("budget.chat.size=120 MB")[1].of_last


@pytest.mark.parametrize(
    ("text", "code", "caret"),
    [
        (GOOD.replace("best = pick", "last = pick"), "E0204", "last"),
        (LAST.replace("102% of last", "15 ms of last"), "E0428", "15 ms"),
        (LAST.replace("102% of last", "102% of last, tpot.p50 <= 103% of last"), "E0423", "tpot.p50 <= 103% of last"),
        (LAST.replace("tpot.p50 <= 102%", "tpot.p50 <= 102% of last, tpot.p50 > 110%"), "E0432", "tpot.p50 > 110% of last"),
        (GOOD.replace("prefer = smallest", "require = perplexity <= 105% of last"), "E0426", "last"),
        (GOOD.replace("<= 0.05 nats vs", "<= 105% of best vs"), "E0428", "best"),
    ],
)  # fmt: skip
def test_refused(text, code, caret):
    found = [(d.code, d.span.text if d.span else "") for d in check(text).found]
    assert (code, caret) in found, found


def test_severity_and_confidence_stay():
    text = LAST.replace("size <= 100% of last", "warn size <= 100% of last at 99% confidence")
    bound = check(text, "budget.chat.size=90%").good.budgets["chat"].bounds[1]
    assert (bound.severity, bound.confidence, bound.limit.base) == (BoundSeverity.warn, 0.99, 0.9)
