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
from infopt_compiler.sources.text_files import file_documents, look_into


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
    assert (
        wrong.value.code in ("E0609", "E0623") and word in str(wrong.value) and "line 2" in str(wrong.value)
    )
    assert hint is None or hint in wrong.value.help


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"ab\xff")
    with pytest.raises(SourceError, match="byte 2"):
        file_documents(tmp_path / "a.txt", "text")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xlsx", b"PK\x03\x04", "save it as .csv"),
        ("a.csv.gz", b"\x1f\x8b\x08", "unpack it"),
        ("a.feather", b"ARROW1", "save it as .parquet"),
        ("a.npy", b"\x93NUMPY", "as .jsonl"),
        ("a.html", b"<p>text</p>", "markup"),
        ("noend", b"PK\x03\x04\x14\x00", "a zip archive"),
        ("a.txt", b"PAR1\x15", "a parquet file"),
        ("a.txt", b"one\0two", "zero byte at byte 3"),
        ("a.csv", b"text\none\0", "zero byte"),
    ],
)
def test_what_is_not_text_is_refused_and_says_what_is_taken(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    for read in (file_documents, look_into):
        with pytest.raises(SourceError) as wrong:
            read(tmp_path / name, "text")
        assert wrong.value.code == "E0609" and words in str(wrong.value)
        assert ".parquet" in wrong.value.help


def test_a_folder_without_text_says_what_is_taken(tmp_path):
    (tmp_path / "a.csv").write_text("text\none\n")
    for read in (file_documents, look_into):
        with pytest.raises(SourceError, match=r"no .txt or .md file") as wrong:
            read(tmp_path, "text")
        assert wrong.value.code == "E0611"


def test_a_look_reads_the_first_megabyte_only(tmp_path):
    good, bad = json.dumps({"text": "x" * 1000}) + "\n", '{"body": "late"}\n'
    (tmp_path / "a.jsonl").write_text(good * 1100 + bad)
    look_into(tmp_path / "a.jsonl", "text")
    with pytest.raises(SourceError, match="line 1101 has no text"):
        file_documents(tmp_path / "a.jsonl", "text")
    (tmp_path / "a.csv").write_text(
        "text\n" + '"' + "a line\n" * 200_000 + '"\n'
    )  # the cut is inside of a cell
    look_into(tmp_path / "a.csv", "text")
    (document,) = file_documents(tmp_path / "a.csv", "text")
    assert len(document.text) == 1_400_000


@given(
    st.lists(st.text(max_size=30), min_size=1, max_size=20),
    st.lists(st.floats(0, 1), max_size=4),
)
def test_adjacent_slices_share_no_document_and_lose_none(texts, cuts):
    documents = [Document(str(n), text) for n, text in enumerate(texts)]
    bounds = [0.0, *sorted(cuts), 1.0]
    joined = [d for a, b in pairwise(bounds) if a < b for d in slice_documents(documents, a, b)]
    assert joined == documents
