"""The source map's texts survive OmegaConf."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.config.spans import escape, unescape


@given(st.text() | st.text("\\\\$d{}"))
def test_escaped_texts_read_back_and_hold_no_interpolation(text):
    assert unescape(escape(text)) == text
    assert "$" not in escape(text)


def test_usual_paths_stay_readable():
    assert escape("/home/me/outputs/chat") == "/home/me/outputs/chat"
