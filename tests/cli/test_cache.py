"""`cache`: what the store holds, and keeping it small and sound."""

from __future__ import annotations

import json

import pytest

from infopt_compiler.artifacts.entry import Made
from infopt_compiler.artifacts.store import Store

KEY = "ab" * 32


@pytest.fixture
def store(folder):
    store = Store(folder / "cache" / "store")
    (store.stage(KEY) / "a.txt").write_text("hello")
    store.commit(KEY, Made("q", "HFModel", {}))
    return store


def test_ls(run, store):
    assert "1 entries" in run("cache", "ls", "--cache", "cache").out
    (entry,) = json.loads(run("cache", "ls", "--json", "--cache", "cache").out)
    assert (entry["key"], entry["name"], entry["size_bytes"]) == (KEY, "q", 5)


def test_an_empty_store(run):
    assert run("cache", "ls", "--cache", "none").code == 0


def test_verify_finds_what_is_corrupt(run, store):
    assert run("cache", "verify", "--cache", "cache").code == 0
    path = store.find(KEY).files / "a.txt"
    path.chmod(0o644)
    path.write_text("jello")
    ran = run("cache", "verify", "--cache", "cache")
    assert ran.code == 1
    assert "corrupt" in ran.err


def test_gc(run, store):
    assert "removed 0" in run("cache", "gc", "--cache", "cache").out
    assert "removed 1" in run("cache", "gc", "--cache", "cache", "--max-size", "1 B").out
    assert store.entries() == []


def test_gc_waits_for_no_build(run, store):
    with store.using():
        ran = run("cache", "gc", "--cache", "cache")
    assert ran.code == 1
    assert "[E0559]" in ran.err


@pytest.mark.parametrize("words", [["--max-age", "3 MB"], ["--max-size", "big"]])
def test_limits_are_quantities(words, run):
    assert run("cache", "gc", *words).code == 2


def test_a_store_that_cannot_be_used(run, folder):
    (folder / "file").write_text("")
    result = run("cache", "gc", "--cache", str(folder / "file"))
    assert result.code == 1
    assert "E0810" in result.err and "internal error" not in result.err
