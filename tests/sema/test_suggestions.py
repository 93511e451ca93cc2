"""Words of elsewhere for targets, numbers and names: one error each, and the help says what to write."""

from __future__ import annotations

import pytest

from infopt_compiler.sema.groups import HARDWARE, group_options, suggest_option
from tests.sema.recipes import GOOD, changed, check


@pytest.mark.parametrize("word", sorted(word for words in HARDWARE for word in words))
def test_hardware_by_another_name(word):
    """Every target that is named is one, and no word is taken for a typo of another machine."""
    targets = next(names for words, names in HARDWARE.items() if word in words)
    assert set(targets) <= set(group_options("target"))
    help = suggest_option("target", word)
    assert "did you mean" not in help and "a target is a machine of the catalog: `cpu` (this one)" in help
    assert all(help.split(";")[0].count(f"`{name}`") == 1 for name in targets)


@pytest.mark.parametrize(
    ("word", "help"),
    [
        ("a100", "for `a100` there is `p4d_24xlarge`; a target is a machine"),
        ("A100", "for `A100` there is `p4d_24xlarge`; a target is a machine"),
        ("h200", "none is a `h200`; a target is a machine"),
        ("v9000", "a target is a machine of the catalog: `cpu` (this one), `h100`"),
        ("h10", "did you mean `h100`?"),
        ("cpus", "did you mean `cpu`?"),
        ("p4d-24xlarge", "did you mean `p4d_24xlarge`?"),
    ],
)
def test_a_target_that_is_none(word, help):
    told = check(f"target {word}\n{GOOD}").only
    assert (told.code, told.span.text) == ("E0211", word)
    assert told.help.startswith(help)
    assert check(GOOD, f"target={word}").only.help == told.help


@pytest.mark.parametrize(
    ("written", "code", "help"),
    [
        ("int4", "E0303", "write `bits = 4`"),
        ("int8", "E0303", "write `bits = 8`"),
        ("w4", "E0303", "write `bits = 4`"),
        ("q4_0", "E0303", "write `bits = 4`"),
        ("q8_0", "E0303", "write `bits = 8`"),
        ("nf4", "E0303", "write `bits = 4`"),
        ("fp16", "E0303", "`bits` is one of 4, 8"),
        ('"4"', "E0303", "write `bits = 4`"),
        ('"int8"', "E0303", "write `bits = 8`"),
        ("4 bits", "E0302", "write `bits = 4`"),
        ("4bits", "E0302", "write `bits = 4`"),
        ("4bit", "E0301", "write `4` where a number of bits is meant, as in `bits = 4`"),
        ("4 bit", "E0301", "write `4` where a number of bits is meant, as in `bits = 4`"),
        ("4-bit", "E0118", "write `4`"),
        ("four", "E0201", "`bits` is one of 4, 8"),
        ("4 MB", "E0302", "write it without a unit"),
        ("5", "E0305", "the nearest is `bits = 4`"),
        ("65", "E0305", "the nearest is `bits = 8`"),
    ],
)
def test_a_number_that_is_none(written, code, help):
    told = changed("bits = 4", f"bits = {written}").only
    assert (told.code, told.help) == (code, help)


@pytest.mark.parametrize(
    ("written", "help"),
    [
        ("[0 .. 60]", "write `[0% .. 60%]`"),
        ("[0..60]", "write `[0% .. 60%]`"),
        ("[0.0 .. 0.6]", "write `[0% .. 60%]`"),
        ("[0.25 .. 1]", "write `[25% .. 100%]`"),
        ("[0:60%]", "write `prose[0% .. 60%]`"),
    ],
)
def test_a_range_that_is_none(written, help):
    assert changed("[0% .. 60%]", written).only.help == help


@pytest.mark.parametrize(
    ("name", "new"), [("best", "my-best"), ("q", "q-4"), ("assistant", "my-a"), ("heldout", "held-out")]
)
def test_a_name_with_a_dash_is_told_once(name, new):
    import re

    told = check(re.sub(rf"\b{name}\b", new, GOOD)).only
    assert (told.code, told.span.text, told.help) == ("E0215", new, f"write `{new.replace('-', '_')}`")


def test_a_budget_may_not_be_called_with_a_dash_either():
    assert changed("budget chat under", "budget chat as my-rag under").only.code == "E0215"


@pytest.mark.parametrize(
    ("word", "meant"), [("ttft-p95", "ttft.p95"), ("ppl", "perplexity"), ("vram", "memory.peak")]
)
def test_a_metric_of_elsewhere(word, meant):
    told = changed("ttft.p95 <=", f"{word} <=").only
    assert (told.code, told.span.text, told.help) == ("E0420", word, f"its name here is `{meant}`")


@pytest.mark.parametrize("name", ["model", "data", "let", "use", "search"])
def test_words_that_begin_statements_may_be_bound(name):
    for old in ("best", "heldout", "assistant", "chat"):
        assert check(GOOD.replace(old, name)).found == []
    assert check(GOOD.replace("best", name), f"{name}.prefer=smallest").found == []
