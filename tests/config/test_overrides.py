"""Overrides: parts, values of a sweep, Hydra's syntax and back."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.config.overrides import (
    from_hydra,
    hydra_literal,
    is_sweep_function,
    split_override,
    split_values,
    sweep_values,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("q.bits=8", ("", "q.bits", "8")),
        ("+q.bits=8", ("+", "q.bits", "8")),
        ("++q.bits=8", ("++", "q.bits", "8")),
        ("~q.bits", ("~", "q.bits", None)),
        ("q.note=a=b", ("", "q.note", "a=b")),
        ("q.note=", ("", "q.note", "")),
        ("hydra/launcher=ray", ("", "hydra/launcher", "ray")),
    ],
)
def test_parts(text, parts):
    override = split_override(text)
    assert (override.operator, override.path, override.value) == parts


@pytest.mark.parametrize("text", ["q.bits", "+q.bits", "", "=", "a b=c"])
def test_words_that_are_no_override(text):
    assert split_override(text) is None


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("4,8", ["4", "8"]),
        ("[a, b], [c]", ["[a, b]", "[c]"]),
        ('"a, b","c"', ['"a, b"', '"c"']),
        ("'it, is'", ["'it, is'"]),
        ("300 ms, 400 ms", ["300 ms", "400 ms"]),
    ],
)
def test_values_of_a_sweep(value, values):
    assert split_values(value) == values


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("choice(4,8)", ["4", "8"]),
        ("range(2,8,3)", ["2", "5"]),
        ("interval(0.5,2)", ["0.5", "2.0"]),
        ("choice(rtn,'gptq')", ["rtn", "gptq"]),
    ],
)
def test_sweep_functions(value, values):
    assert is_sweep_function(value)
    assert sweep_values(value) == values


@pytest.mark.parametrize("value", ["range(a,b)", "choice(", "choice()", "range(1,2,3,4)"])
def test_wrong_sweeps_are_value_errors(value):
    with pytest.raises(ValueError):
        sweep_values(value)


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.lists(st.integers())
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(lambda text: "${" not in text)
)
def test_hydra_reads_what_was_written(value):
    override = OverridesParser.create().parse_override(f"x={hydra_literal(value)}")
    assert override.value() == value


@pytest.mark.parametrize(
    ("hydra", "ours"),
    [
        ("q.bits=4", "q.bits=4"),
        ("q.method='gptq'", "q.method=gptq"),
        ("q.symmetric=false", "q.symmetric=false"),
        ("budget.chat.ttft.p95='300 ms'", "budget.chat.ttft.p95=300 ms"),
        ("q.items=['a','b']", "q.items=[a, b]"),
        ("m.source='file:a b'", 'm.source="file:a b"'),
    ],
)
def test_back_from_hydra(hydra, ours):
    assert "=".join(from_hydra(hydra, {"m.source"}.__contains__)) == ours
