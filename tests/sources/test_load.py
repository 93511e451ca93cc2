"""Sources become artifacts, and are known before they do."""

from __future__ import annotations

import json

import pytest

from infopt_compiler.artifacts import DataSpec, ModelSpec, TextData
from infopt_compiler.artifacts.text import read_documents, read_spec
from infopt_compiler.sources import SourceError
from infopt_compiler.sources.identity import data_identity, model_identity, peek_spec
from infopt_compiler.sources.load import load_data, load_model
from infopt_compiler.sources.reference import WheelMember
from infopt_compiler.sources.wheel import _folder
from tests.execute.conftest import CONFIG, write_model
from tests.sources.test_wheel import write_wheel


def quiet(done: float, total: float, message: str) -> None:
    return None


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("source", "code", "word"),
    [
        ("file:nothing", "E0601", "nothing"),
        ("file:modle", "E0601", "modle"),
        ("file:note.txt", "E0606", "is no model"),
        ("file:folder", "E0606", "no config.json"),
    ],
)
def test_what_is_no_model(tmp_path, source, code, word):
    write_model(tmp_path / "model")
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError) as wrong:
        load_model(source, tmp_path, tmp_path / "out", tmp_path / "scratch", quiet)
    assert wrong.value.code == code and word in str(wrong.value)
    assert source != "file:modle" or "`model`" in wrong.value.help


def test_slices_are_written_with_their_spec(tmp_path):
    spec = DataSpec(64, 3, 1)
    counts = []
    for start, stop in ((0.0, 0.6), (0.6, 1.0)):
        folder = tmp_path / f"out{start}"
        facts = load_data("python:pydoc_data.topics", tmp_path, "text", (start, stop), spec, folder, quiet)
        data = TextData(folder, "")
        assert read_spec(data) == spec and len(read_documents(data)) == facts["documents"]
        counts.append(facts["documents"])
    from pydoc_data import topics

    assert sum(counts) == len(topics.topics)


def test_a_package_is_a_text(tmp_path):
    facts = load_data("python:json.*", tmp_path, "text", (0.0, 1.0), DataSpec(), tmp_path / "out", quiet)
    assert facts["files"] > 3 and facts["not_parsed"] == [] and facts["documents"] > 10
    assert facts["sha256"] == data_identity("python:json.*", tmp_path)["digest"]


def test_an_empty_slice(tmp_path):
    (tmp_path / "t.txt").write_text("One long document of some words.")
    with pytest.raises(SourceError) as wrong:
        load_data("file:t.txt", tmp_path, "text", (0.5, 0.9), DataSpec(), tmp_path / "out", quiet)
    assert wrong.value.code == "E0611" and not (tmp_path / "out").exists()


def test_identity_is_content(tmp_path):
    write_model(tmp_path / "a")
    write_model(tmp_path / "b")
    assert model_identity("file:a", tmp_path) == model_identity("file:b", tmp_path)
    assert model_identity("file:a", tmp_path) == model_identity("file:../a", tmp_path / "b")
    (tmp_path / "b" / "tokenizer.json").write_text("[]")
    assert model_identity("file:a", tmp_path) != model_identity("file:b", tmp_path)
    assert model_identity("hf:org/name@v1", tmp_path) == {"source": "hf:org/name@v1"}
    assert len(data_identity("python:pydoc_data.topics", tmp_path)["digest"]) == 64
    several = [data_identity(f"python:{names}", tmp_path)["digest"] for names in ("json.*", "json, json.*")]
    assert len(set(several)) == 2
    with pytest.raises(SourceError) as wrong:
        data_identity("file:none.txt", tmp_path)
    assert wrong.value.code == "E0601"


def test_shapes_before_the_import(tmp_path, cache):
    write_model(tmp_path / "model")
    spec = ModelSpec.from_config(CONFIG)
    assert peek_spec("file:model", tmp_path) == spec
    assert peek_spec("file:none", tmp_path) is None
    source = "pypi:tiny-model==1.0#model"
    assert peek_spec(source, tmp_path) is None
    folder = _folder(WheelMember("tiny-model", "1.0", "model"), cache / "sources")
    folder.mkdir(parents=True)
    wheel = write_wheel(folder / "w.whl", {"tiny/model/config.json": json.dumps(CONFIG)})
    record = {"name": "w.whl", "sha256": "", "size_bytes": wheel.size_bytes}
    (folder / "wheel.json").write_text(json.dumps(record))
    assert peek_spec(source, tmp_path) == spec
