"""Sources on this machine: found by the name that was given, missed with what that is relative to."""

from __future__ import annotations

import pytest

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.sources import SourceError
from infopt_compiler.sources.identity import data_identity, model_identity
from infopt_compiler.sources.load import load_data
from infopt_compiler.sources.local import check_data, check_model, find_local
from infopt_compiler.sources.reference import LocalPath


def test_a_missing_file_says_what_its_path_is_relative_to(tmp_path):
    (tmp_path / "prose.txt").write_text("x")
    with pytest.raises(SourceError) as wrong:
        find_local(LocalPath("prosa.txt"), tmp_path)
    assert wrong.value.code == "E0601" and "did you mean `prose.txt`?" in wrong.value.help
    assert f"relative to the recipe's folder, `{tmp_path}`" in wrong.value.help
    with pytest.raises(SourceError) as wrong:
        find_local(LocalPath(f"{tmp_path}/no/a.txt"), tmp_path)
    assert "there is no folder" in wrong.value.help and "relative" not in wrong.value.help


def test_a_link_into_a_cache_is_read_by_the_name_that_was_given(tmp_path):
    blob = tmp_path / "blobs" / "0a1b2c"
    blob.parent.mkdir()
    blob.write_text('{"text": "One"}\n{"text": "Two"}\n')
    (tmp_path / "data.jsonl").symlink_to(blob)
    facts = load_data(
        "file:data.jsonl", tmp_path, "text", (0.0, 1.0), DataSpec(), tmp_path / "out", lambda *_: None
    )
    assert facts["documents"] == 2
    assert data_identity("file:data.jsonl", tmp_path)["suffix"] == ".jsonl"
    with pytest.raises(SourceError, match="no text in `body`"):
        check_data("file:data.jsonl", tmp_path, "body")
    (tmp_path / "m.gguf").symlink_to(blob)
    assert model_identity("file:m.gguf", tmp_path)["suffix"] == ".gguf"
    check_model("file:m.gguf", tmp_path)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("hf:datasets/a/b#train.xlsx", "E0609"),
        ("hf:datasets/a/b#train.jsonl.gz", "E0609"),
        ("hf:datasets/a/b#train.jsonl", None),
        ("python:pydoc_data.topics", None),
    ],
)
def test_of_files_elsewhere_the_name_says_whether_they_are_taken(tmp_path, source, code):
    if code is None:
        check_data(source, tmp_path, "text")
        return
    with pytest.raises(SourceError) as wrong:
        check_data(source, tmp_path, "text")
    assert wrong.value.code == code


def test_what_is_there_and_no_model(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(SourceError) as wrong:
        check_model("file:pytorch_model.bin", tmp_path)
    assert wrong.value.code == "E0606"
