"""`python:`: modules are read, never run."""

from __future__ import annotations

import sys

import pytest

from infopt_compiler.sources import SourceError
from infopt_compiler.sources.module_text import find_module, module_documents, module_files, texts_of_modules


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


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Two modules, one of which repeats a text; tests, and a file that is no Python."""
    folder = tmp_path / "parcel"
    (folder / "inner").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "__init__.py").write_text('"""The parcel."""\nwords = {"a": "b"}\n')
    (folder / "inner" / "one.py").write_text('"""One."""\ndef f():\n    """Shared."""\n')
    (folder / "two.py").write_text('def g():\n    """Shared."""\ndef h():\n    """Two."""\n')
    (folder / "broken.py").write_text("def")
    (folder / "tests" / "test_it.py").write_text('"""A test."""')
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_package_with_all_below_it(package):
    documents, unread = texts_of_modules(("parcel.*",))
    assert [(d.id, d.text) for d in documents] == [
        ("parcel/__init__:module:0", "The parcel."),
        ("parcel/inner/one:module:0", "One."),
        ("parcel/inner/one:f:1", "Shared."),
        ("parcel/two:h:2", "Two."),
    ]
    assert unread == ["parcel/broken"]


def test_several_names_in_their_order(package):
    documents, _ = texts_of_modules(("parcel.two", "parcel.inner.one"))
    assert [d.text for d in documents] == ["Shared.", "Two.", "One.", "Shared."]
    assert list(module_files(("parcel.two", "parcel.*"))) == [
        "parcel.two/two.py",
        "parcel.*/__init__.py",
        "parcel.*/broken.py",
        "parcel.*/inner/one.py",
        "parcel.*/two.py",
    ]


def test_the_standard_library():
    names = set(module_files(("*",)))
    assert {"*/json/__init__.py", "*/argparse.py"} <= names
    assert not any("site-packages" in name or "/test/" in name for name in names)


def test_a_module_has_nothing_below_it():
    with pytest.raises(SourceError, match="without any below it"):
        module_files(("argparse.*",))
