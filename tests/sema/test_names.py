"""E02xx: names."""

from __future__ import annotations

import pytest

from tests.sema.recipes import GOOD, changed, check

TABLE = [
    # (what is replaced, by what, code, what the caret stands under, a piece of the help)
    ("pick(base", "pick(bsae", "E0201", "bsae", "did you mean `base`?"),
    ("calibrate = calib", "calibrate = calibb", "E0201", "calibb", "did you mean `calib`?"),
    ("under = assistant", "under = asistant", "E0201", "asistant", "did you mean `assistant`?"),
    ("vs best", "vs bets", "E0201", "bets", "did you mean `best`?"),
    ("100%] {", "100%] { windoww = 5, ", "E0209", "windoww", "did you mean `window`?"),
    ("onnx = convert(q", "q = convert(q", "E0202", "q", "bound once"),
    ("bits = 4", "bitz = 4", "E0203", "bitz", "did you mean `bits`?"),
    ("best = pick(base", "best = pick(best", "E0206", "best", None),
    ("shrink(best", "shirnk(best", "E0207", "shirnk", None),
    ("bits = 4", "bits = 4, bits = 8", "E0208", "bits", None),
    ("shrink(best", "shrink(best, model = best", "E0208", "model", None),
    ("sample = 64", "sample = 64, sample = 3", "E0208", "sample", None),
    ("under = assistant", "under = calib", "E0213", "calib", None),
    ("shrink(best", "shrink(assistant", "E0213", "assistant", None),
    ("on heldout\n    kl", "on assistant\n    kl", "E0213", "assistant", None),
    ("smallest", "smalest", "E0306", "smalest", "did you mean `smallest`?"),
]


@pytest.mark.parametrize(("old", "new", "code", "caret", "help"), TABLE)
def test_names(old, new, code, caret, help):
    outcome = changed(old, new)
    first = outcome.found[0]
    assert (first.code, first.span.text) == (code, caret), outcome.codes
    if help is not None:
        assert help in first.help


@pytest.mark.parametrize("name", ["hydra", "defaults", "target", "budget", "true", "last", "_target_"])
def test_reserved_names(name):
    outcome = check(GOOD.replace("best", name))
    assert outcome.codes[0] == "E0204"
    assert outcome.found[0].span.text == name


@pytest.mark.parametrize("name", ["on", "of", "as", "warn", "confidence", "pick", "size"])
def test_other_words_may_be_bound(name):
    assert check(GOOD.replace("heldout", name)).found == []


def test_a_format_is_no_use_of_the_binding_of_that_name():
    text = GOOD.replace("onnx = convert(q, format = onnx)", "chat = convert(q, format = onnx)")
    text = text.replace("chat = polish(onnx, under = assistant)\n", "")
    assert check(text).found == []


def test_an_enum_member_goes_before_a_let_of_its_name():
    outcome = changed("best = pick", "let gptq = 3\nbest = pick")
    assert outcome.good.nodes["q"].parameters["method"] == "gptq"
    assert outcome.codes == ["E0210"]


def test_use_before_binding_says_where_it_is_bound():
    text = GOOD.replace("best = pick(base, prefer = smallest, on = heldout)\n", "")
    outcome = check(text.replace("budget", "best = pick(base, on = heldout)\nbudget"))
    first = outcome.found[0]
    assert (first.code, first.span.line, first.notes[0].span.line) == ("E0205", 6, 9)


def test_one_wrong_binding_is_told_once():
    assert changed("pick(base", "pick(nothing").codes == ["E0201"]
    assert changed("shrink(best", "unknown(best").codes == ["E0207"]


def test_lets_are_values_of_any_type():
    text = GOOD.replace(
        "model base", "let most = 600 ms\nlet same = most\nlet how = gptq\nlet four = 4\nmodel base"
    )
    text = (
        text.replace("<= 600 ms", "<= same")
        .replace("= gptq", "= how", 2)
        .replace("let how = how", "let how = gptq")
    )
    outcome = check(text.replace("bits = 4", "bits = four"))
    assert outcome.found == []
    assert outcome.good.nodes["q"].parameters["method"] == "gptq"
    assert outcome.good.budgets["chat"].bounds[0].limit.base == 0.6


def test_options_of_groups():
    assert check("target h1000\n").only.help == "did you mean `h100`?"
    assert check("measure quik\n").only.help == "did you mean `quick`?"
    assert check("engine lokal\n").only.code == "E0211"
    assert check("target g5_xlarge\nmeasure precise\nengine local\n").good.target == "g5_xlarge"
