"""Text files as documents, and slices of them."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.artifacts import Document
from infopt_compiler.sources import SourceError
from infopt_compiler.sources.slices import slice_documents
from infopt_compiler.sources.text_files import file_documents


def test_paragraphs(tmp_path):
    (tmp_path / "a.txt").write_text("One\nline.\n\n\nTwo.\n \nThree.\n", "utf-8")
    assert [doc.text for doc in file_documents(tmp_path / "a.txt", "text")] == [
        "One\nline.",
        "Two.",
        "Three.",
    ]


def test_windows_text_with_a_mark(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfOne\r\n\r\nTwo\r\n")
    assert [doc.text for doc in file_documents(tmp_path / "a.txt", "text")] == ["One", "Two"]


def test_a_folder_has_a_document_per_file(tmp_path):
    for name in ("b.txt", "a.md", "c.py"):
        (tmp_path / name).write_text(name)
    assert [doc.id for doc in file_documents(tmp_path, "text")] == ["a.md", "b.txt"]


def test_jsonl_with_a_field(tmp_path):
    rows = [{"id": 7, "body": "One"}, {"body": "Two\u2028"}, {"body": ""}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    found = file_documents(tmp_path / "a.jsonl", "body")
    assert found == [Document("7", "One"), Document("line-2", "Two\u2028")]


@pytest.mark.parametrize(
    ("line", "word", "hint"),
    [
        ('{"text": 1}', "no text in `body`", None),
        ('{"bodi": "x"}', "no text in `body`", "`bodi`"),
        ("[1]", "no text", None),
        ("{", "no JSON", None),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, word, hint):
    (tmp_path / "a.jsonl").write_text('{"body": "x"}\n' + line)
    with pytest.raises(SourceError) as wrong:
        file_documents(tmp_path / "a.jsonl", "body")
    assert wrong.value.code == "E0609" and word in str(wrong.value) and "line 2" in str(wrong.value)
    assert hint is None or hint in wrong.value.help


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"ab\xff")
    with pytest.raises(SourceError, match="byte 2"):
        file_documents(tmp_path / "a.txt", "text")


def test_a_missing_file(tmp_path):
    (tmp_path / "prose.txt").write_text("x")
    with pytest.raises(SourceError) as wrong:
        file_documents(tmp_path / "prosa.txt", "text")
    assert wrong.value.code == "E0601" and "prose.txt" in wrong.value.help


@given(
    st.lists(st.text(max_size=30), min_size=1, max_size=20),
    st.lists(st.floats(0, 1), max_size=4),
)
def test_adjacent_slices_share_no_document_and_lose_none(texts, cuts):
    documents = [Document(str(n), text) for n, text in enumerate(texts)]
    bounds = [0.0, *sorted(cuts), 1.0]
    joined = [d for a, b in pairwise(bounds) if a < b for d in slice_documents(documents, a, b)]
    assert joined == documents
