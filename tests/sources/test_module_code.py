"""`python:module#code`: source code as text."""

from __future__ import annotations

import argparse
import inspect

import pytest

from infopt_compiler.sources import SourceError
from infopt_compiler.sources.module_code import code_documents, code_of_modules
from infopt_compiler.sources.module_text import find_module


def test_code_is_cut_at_functions_classes_and_methods_and_nothing_is_lost():
    documents = code_documents(find_module("argparse"))
    names = [document.id.partition(":")[0] for document in documents]
    assert names[0] == "module" and {"ArgumentParser", "ArgumentParser.parse_args"} <= set(names)
    joined = "".join("".join(document.text.split()) for document in documents)
    assert joined == "".join(inspect.getsource(argparse).split())


def test_of_several_modules_a_document_says_whose_it_is_and_what_does_not_parse_is_named(
    tmp_path, monkeypatch
):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("A = 1")
    (tmp_path / "pack/wrong.py").write_text("def")
    monkeypatch.syspath_prepend(tmp_path)
    documents, unread = code_of_modules(("pack.*",))
    assert [(d.id, d.text) for d in documents] == [("pack.*/__init__:module:0", "A = 1")]
    assert unread == ["pack.*/wrong.py"]
    with pytest.raises(SourceError, match="cannot be parsed"):
        code_of_modules(("pack.wrong",))
