"""E0420 and on: budgets, and the text that judges."""

from __future__ import annotations

import pytest

from tests.sema.recipes import GOOD, changed, check

TABLE = [
    ("size <= 110 MB", "sise <= 110 MB", "E0420", "sise", "did you mean `size`?"),
    ("size <= 110 MB", "memory <= 110 MB", "E0420", "memory", "memory.peak"),
    ("ttft.p95", "ttft", "E0421", "ttft", "`ttft.p95`"),
    ("ttft.p95", "ttft.p96", "E0422", "ttft.p96", "p9"),
    ("size <= 110", "size.p95 <= 110", "E0422", "size.p95", "write `size`"),
    ("size <= 110 MB", "size <= 110 MB, size <= 100 MB", "E0423", "size <= 100 MB", "differ"),
    (" vs best on heldout", " vs best", "E0424", "kl.mean <= 0.05 nats vs best", "`on heldout`"),
    (" vs best on heldout", " on heldout", "E0425", "kl.mean <= 0.05 nats on heldout", "vs"),
    ("<= 600 ms", "<= 600 ms on heldout", "E0426", "heldout", None),
    ("<= 600 ms", "<= 600 ms vs best", "E0426", "best", "105% of best"),
    (" under assistant {", " {", "E0427", "chat", "`budget chat under assistant {`"),
    ("105% of best", "105%", "E0428", "105%", "`105% of NAME`"),
    ("105% of best", "18 of best", "E0428", "18", "105% of best"),
    ("105% of best", "0% of best", "E0308", "0%", None),
    ("105% of best", "+10% of best", "E0118", "+10%", "write `110% of best`"),
    ("size <= 110 MB", "size <= +10 MB", "E0118", "+10 MB", "write `10 MB`"),
    ("105% of best", "0.5", "E0308", "0.5", None),
    ("<= 0.05 nats vs", "<= 105% of best vs", "E0428", "best", None),
    ("size <= 110 MB", "top1 >= 98% of best vs best on heldout", "E0428", "best", None),
    ("size <= 110 MB", "top1 >= 120% vs best on heldout", "E0308", "120%", None),
    ("<= 600 ms", "<= 50% of q", "E0430", "q", None),
    ("budget chat", "budget q", "E0430", "q", "`export`"),
    ("size <= 110 MB", "size <= 110 MB, size > 200 MB", "E0432", "size > 200 MB", None),
    ("<= 110 MB", "<= 110 MB at 100%", "E0433", "100%", None),
    ("<= 110 MB", "<= 110 MB at 3 ms", "E0302", "3 ms", None),
    ("size <= 110 MB", "size <= 0 MB", "E0308", "0 MB", None),
    ("<= 600 ms", "<= 0 ms", "E0308", "0 ms", None),
    ("<= 600 ms", ">= -1 ms", "E0308", "-1 ms", None),
    ("size <= 110 MB", "top1 > 100% vs best on heldout", "E0308", "100%", None),
    ("<= 0.05 nats", "< 0 nats", "E0308", "0 nats", None),
    ("<= 0.05 nats", "<= -0.1 nats", "E0308", "-0.1 nats", None),
    ("size <= 110 MB", "size <= 90% of chat", "E0443", "chat", "`of last`"),
    ("vs best on", "vs chat on", "E0443", "chat", "another binding"),
]


@pytest.mark.parametrize(("old", "new", "code", "caret", "help"), TABLE)
def test_bounds(old, new, code, caret, help):
    outcome = changed(old, new)
    first = next(d for d in outcome.found if d.severity.value == "error")
    assert (first.code, first.span.text) == (code, caret), outcome.codes
    assert {d.code for d in outcome.found if d.severity.value == "error"} == {code}
    if help is not None:
        assert help in first.help


def test_bounds_that_differ_may_stand_together():
    text = GOOD.replace(
        "size <= 110 MB",
        "size <= 110 MB\nwarn size <= 90 MB\nsize >= 10 MB\nperplexity <= 110% of best on calib",
    )
    assert [d.code for d in check(text).found] == ["E0435", "E0431"]


def test_a_bound_in_the_bad_direction_is_a_warning():
    outcome = changed("size <= 110 MB", "throughput <= 80 tok/s")
    assert outcome.codes == ["E0435"]
    assert outcome.program is not None


def test_one_budget_for_a_binding():
    second = "budget chat under assistant { size <= 1 MB }\n"
    only = check(GOOD + second).only
    assert (only.code, only.help) == ("E0429", "name the second one: `budget chat as NAME`")
    named = check(GOOD + second.replace("chat", "chat as rag", 1)).good
    assert list(named.budgets) == ["chat", "rag"]
    assert named.shipped == ("chat",)
    assert check(GOOD + (second * 2).replace("chat", "chat as rag")).only.code == "E0429"


def test_an_empty_budget():
    assert check(GOOD + "budget onnx as other { }\n").only.code == "E0437"


def test_calibration_that_overlaps_what_judges():
    outcome = changed("80% .. 100%", "50% .. 100%")
    assert outcome.codes == ["E0431", "E0431"]
    first = outcome.found[0]
    assert first.span.text.startswith("perplexity")
    assert "`calib` is 0% to 60% and `heldout` 50% to 100%" in first.notes[0].message
    assert outcome.program is not None


def test_choosing_on_the_text_that_judges_is_no_calibration():
    assert check(GOOD).found == []


def test_a_budget_without_its_scenario_is_told_once_with_all_that_need_one():
    told = [
        d
        for d in changed(" under assistant {", " {\n    latency.p95 <= 2 s").found
        if d.severity.value == "error"
    ]
    assert [d.code for d in told] == ["E0427"]
    assert told[0].message.startswith("`latency.p95`, `ttft.p95`, `cost` are measured under a scenario")


def test_words_of_other_quantities_get_a_sentence():
    assert changed("size <= 110 MB", "loss <= 3").found[0].help.startswith("perplexity is exp(loss)")
    assert "`goodput`" in changed("size <= 110 MB", "qps >= 3 req/s").found[0].help


def test_unreachable_names_are_told_once():
    assert changed("budget chat under", "budget chatt under").codes == ["E0201"]


def test_nothing_lies_between_the_tokens_of_one():
    found = check(GOOD.replace("ttft.p95", "tpot.p50"), "scenario.assistant.generate=1").found
    (problem,) = [d for d in found if d.severity.value == "error"]
    assert (problem.code, problem.span.text) == ("E0436", "tpot.p50")


@pytest.mark.parametrize(
    "bound",
    [
        "kl.p50 <= 0 nats vs best on heldout",
        "top1 >= 100% vs best on heldout",
        "cosine.mean >= -0.5 vs best on heldout",
        "retention.mean >= 101% vs best on heldout",
        "size <= 100% of last",
        "cost <= 0 USD/Mtok",
    ],
)
def test_limits_at_the_end_of_what_there_is(bound):
    assert changed("size <= 110 MB", bound).found == []


def test_a_gain_may_be_negative_and_is_asked_to_be_positive():
    for bound in ("gain.worst > 0 nats", "gain.worst >= -0.01 nats"):
        assert changed("size <= 110 MB", bound).codes == [
            "E0440"
        ]  # nothing is distilled there: no other mistake


_SERVER = ("scenario assistant {", "scenario assistant { mode = server, rate = 2 req/s,")


@pytest.mark.parametrize(
    ("bound", "caret"),
    [
        ("goodput >= 3 req/s", "3 req/s"),
        ("goodput > 2 req/s", "2 req/s"),
        ("throughput >= 129 tok/s", "129 tok/s"),
        ("throughput.total >= 385 tok/s", "385 tok/s"),
    ],
)
def test_no_more_is_answered_than_arrives(bound, caret):
    text = GOOD.replace(*_SERVER).replace("size <= 110 MB", bound)
    only = check(text).only
    assert (only.code, only.span.text) == ("E0442", caret) and "offline" in only.help
    assert check(text.replace(" > ", " >= ").replace(caret, f"1 {caret.split()[1]}")).found == []
    alone = "scenario assistant {", "scenario assistant { mode = offline,"
    assert check(text.replace(*reversed(_SERVER)).replace(*alone)).found == []


def test_a_wrong_rate_is_not_compared_with():
    text = GOOD.replace(*_SERVER).replace("2 req/s", "2 ms").replace("size <= 110 MB", "goodput >= 3 req/s")
    assert check(text).only.code == "E0302"
