"""`python:`: modules are read, never run."""

from __future__ import annotations

import sys

import pytest

from infopt_compiler.sources import SourceError
from infopt_compiler.sources.module_text import find_module, module_documents


def test_topics_are_documents_in_their_order():
    from pydoc_data import topics

    found = module_documents(find_module("pydoc_data.topics"))
    assert [(doc.id, doc.text) for doc in found] == list(topics.topics.items())


def test_nothing_runs(tmp_path, monkeypatch):
    package = tmp_path / "evil"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (package / "text.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\nbad = {{'a': str(1)}}\ntexts = {{'a': 'one', 'b': 'two'}}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    documents = module_documents(find_module("evil.text"))
    assert [doc.text for doc in documents] == ["one", "two"]
    assert not (tmp_path / "ran").exists() and "evil" not in sys.modules


def test_docstrings_where_there_is_no_dictionary(tmp_path):
    path = tmp_path / "m.py"
    path.write_text('"""Module."""\nclass A:\n    """Class."""\n    def f(self):\n        """Method."""\n')
    assert [(d.id, d.text) for d in module_documents(path)] == [
        ("module:0", "Module."),
        ("A:1", "Class."),
        ("f:2", "Method."),
    ]


@pytest.mark.parametrize("name", ["no_such_module_here", "pydoc_data.nothing", "math.x", "sys"])
def test_modules_without_source(name):
    with pytest.raises(SourceError) as wrong:
        find_module(name)
    assert wrong.value.code == "E0610"


def test_a_module_that_does_not_parse(tmp_path):
    (tmp_path / "m.py").write_text("def")
    with pytest.raises(SourceError, match="cannot be parsed"):
        module_documents(tmp_path / "m.py")


def test_a_module_below_folders_without_init(tmp_path, monkeypatch):
    (tmp_path / "outer_ns" / "inner").mkdir(parents=True)
    (tmp_path / "outer_ns" / "inner" / "words.py").write_text('"""Text."""')
    monkeypatch.syspath_prepend(tmp_path)
    assert find_module("outer_ns.inner.words") == tmp_path / "outer_ns" / "inner" / "words.py"
