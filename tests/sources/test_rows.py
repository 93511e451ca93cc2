"""Files of rows: each form gives the same documents, and says what is wrong in the same way."""

from __future__ import annotations

import csv
import io
import json

import pytest

from infopt_compiler.artifacts import Document
from infopt_compiler.sources import SourceError, rows
from infopt_compiler.sources.text_files import file_documents, look_into

ROWS = [
    {"id": "7", "body": 'One, with a comma\nand "two" lines', "label": "a"},
    {"id": "", "body": "Zwei\tä", "label": "b"},
    {"id": "9", "body": "", "label": "c"},
]


def write(folder, suffix, rows=ROWS):
    path = folder / f"a{suffix}"
    if suffix == ".parquet":
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist(rows), path, row_group_size=2)
    elif suffix in (".csv", ".tsv"):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter="," if suffix == ".csv" else "\t")
        writer.writeheader()
        writer.writerows(rows)
        path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    else:
        lines = [json.dumps(row) for row in rows]
        path.write_text("[" + ",".join(lines) + "]" if suffix == ".json" else "\n".join(lines))
    return path


@pytest.mark.parametrize("suffix", rows.ROWS)
def test_a_document_per_row_under_its_field(tmp_path, suffix):
    found = file_documents(write(tmp_path, suffix), "body")
    assert found[0] == Document("7", ROWS[0]["body"])
    assert [doc.text for doc in found] == [row["body"] for row in ROWS[:2]]
    assert found[1].id.split("-")[0] in ("line", "row")


@pytest.mark.parametrize("suffix", rows.ROWS)
def test_a_wrong_field_is_found_by_a_look_with_the_fields_there_are(tmp_path, suffix):
    path = write(tmp_path, suffix)
    for read in (look_into, file_documents):
        with pytest.raises(SourceError) as near:
            read(path, "bodi")
        assert near.value.code == "E0623" and near.value.help == "did you mean `body`?"
        with pytest.raises(SourceError) as far:
            read(path, "text")
        assert "`body`" in far.value.help and "`label`" in far.value.help
        assert '{ field = "' in far.value.help


@pytest.mark.parametrize(
    ("text", "words", "help"),
    [
        ("text,b\nx,1\ny\n", "line 3 has 1 cells under 2 columns", "in quotes"),
        ("text\nx,y\n", "line 2 has 2 cells under 1 columns", "in quotes"),
        ('text\n"x"y\n', "line 2 is no CSV", None),
        ("text,text\nx,y\n", "2 columns `text`", "rename"),
        ("text;b\nx;y\n", "no column `text`", "separated by ';'"),
    ],
)
def test_a_table_that_is_none(tmp_path, text, words, help):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SourceError) as wrong:
        file_documents(tmp_path / "a.csv", "text")
    assert words in str(wrong.value) and (help is None or help in wrong.value.help)


def test_a_column_of_numbers_is_no_text(tmp_path):
    with pytest.raises(SourceError, match="row 1 has no text in `n`"):
        file_documents(write(tmp_path, ".parquet", [{"n": 1}]), "n")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 broken PAR1")
    with pytest.raises(SourceError, match="cannot be read as parquet"):
        look_into(tmp_path / "b.parquet", "text")


def test_without_its_library_a_parquet_file_names_the_extra(tmp_path, monkeypatch):
    path = write(tmp_path, ".parquet")
    monkeypatch.setattr(rows.importlib.util, "find_spec", lambda name: None)
    for read in (look_into, file_documents):
        with pytest.raises(SourceError) as wrong:
            read(path, "body")
        assert wrong.value.code == "E0621" and "infopt-compiler[parquet]" in wrong.value.help


def test_a_look_at_the_schema_of_a_parquet_file_finds_a_column_that_is_no_text(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = write(tmp_path, ".parquet", [{"n": 1, "body": "One."}])
    with pytest.raises(SourceError, match="the column holds int64") as wrong:
        look_into(path, "n")
    assert wrong.value.code == "E0623" and "`body`" in wrong.value.help
    words = arrow.array(["One.", "Two.", "One."]).dictionary_encode()
    parquet.write_table(arrow.table({"body": words}), tmp_path / "d.parquet")
    look_into(tmp_path / "d.parquet", "body")
    assert [document.text for document in file_documents(tmp_path / "d.parquet", "body")] == [
        "One.",
        "Two.",
        "One.",
    ]
    parquet.write_table(arrow.table({"body": words[:0]}), tmp_path / "e.parquet")
    with pytest.raises(SourceError) as empty:
        look_into(tmp_path / "e.parquet", "body")
    assert empty.value.code == "E0611"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", ""), ("a.csv", "text,b\n"), ("a.csv", "text,b\n,x\n"), ("a.jsonl", "\n"), ("a.json", "[]"), ("a.txt", " \n\n"),
    ],
)  # fmt: skip
def test_a_file_without_a_document_is_found_by_a_look(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(SourceError) as wrong:
        look_into(tmp_path / name, "text")
    assert wrong.value.code == "E0611"
    assert file_documents(tmp_path / name, "text") == []
