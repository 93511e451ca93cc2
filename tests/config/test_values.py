"""Quantities in a configuration read back to what they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.config.values import (
    decode_fraction,
    decode_quantity,
    decode_tokens,
    escape,
    fraction_text,
    token_text,
    unescape,
)
from infopt_compiler.units import Dimension, UnitError


@given(st.floats(0, 1, allow_nan=False))
def test_fractions(fraction):
    assert decode_fraction(fraction_text(fraction)) == fraction


@pytest.mark.parametrize(("fraction", "text"), [(0.6, "60%"), (0.43, "43%"), (1.0, "100%"), (0.29, "29%")])
def test_fractions_are_read_as_per_cent(fraction, text):
    assert fraction_text(fraction) == text


@given(st.integers(0, 10**9))
def test_tokens(tokens):
    assert decode_tokens(token_text(tokens)) == tokens


def test_a_quantity_of_another_dimension():
    with pytest.raises(UnitError):
        decode_quantity("8 ms", Dimension.bytes)


@given(st.text() | st.text("\\\\$d{}"))
def test_escaped_texts_read_back_and_hold_no_interpolation(text):
    assert unescape(escape(text)) == text
    assert "$" not in escape(text)


def test_usual_paths_stay_readable():
    assert escape("/home/me/outputs/chat") == "/home/me/outputs/chat"
