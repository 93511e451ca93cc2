"""`cache`: what the store holds, and keeping it small and sound."""

from __future__ import annotations

import json
import os

import pytest

from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.artifacts.entry import Made
from infopt_compiler.artifacts.store import Store
from infopt_compiler.units import Dimension, human

KEY = "ab" * 32


@pytest.fixture
def store(folder):
    store = Store(folder / "cache" / "store")
    (store.stage(KEY) / "a.txt").write_text("hello")
    store.commit(KEY, Made("q", "HFModel", {}))
    return store


def put(store, recipe, name, number, content="hello"):
    material = {"pass": "quantize", "number": number}
    key = digest_json(material)
    (store.stage(key) / "a.txt").write_text(content)
    return store.commit(key, Made(name, "HFModel", material, recipe=recipe))


def names(store):
    return sorted(f"{entry.made.recipe}/{entry.made.name}" for entry in store.entries())


def test_ls_says_where_an_entry_comes_from(run, store):
    made = put(store, "a-recipe-with-a-very-long-name", "a_binding_with_a_long_name", 1)
    os.link(made.files / "a.txt", store.stage("cd" * 32) / "a.txt")
    store.commit("cd" * 32, Made("chat", "OnnxModel", {"pass": "tune"}, recipe="smollm2-chat"))
    lines = run("cache", "ls", "--cache", "cache").out.splitlines()
    assert lines[0].split() == ["entry", "recipe", "binding", "pass", "age", "size"]
    assert max(map(len, lines[:-1])) <= 80
    block = human(made.files.joinpath("a.txt").stat().st_blocks * 512, Dimension.bytes).split()
    assert [line.split() for line in lines[1:-1]] == [
        [KEY[:12], "–", "q", "–", "0", "s", *block],
        [made.key[:12], "a-recipe-…ong-name", "a_bindi…g_name", "quantize", "0", "s", *block],
        ["cd" * 6, "smollm2-chat", "chat", "tune", "0", "s", "0", "B"],
    ]
    total = sum(
        entry["disk_bytes"] for entry in json.loads(run("cache", "ls", "--json", "--cache", "cache").out)
    )
    files = {
        path.stat().st_ino: path.stat().st_blocks * 512 for path in store.root.glob("objects/*/*/files/*")
    }
    assert total == sum(files.values()), "a file that two entries hold counts once"
    assert lines[-1].startswith(f"3 entries, {human(total, Dimension.bytes)} on the disk, in ")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["two/q"], ["one/onnx", "one/q"]),
        (["two.opt/q", "onnx"], ["one/q"]),
        (["q", "--all"], ["one/onnx"]),
        (["KEY"], ["one/onnx", "one/q"]),
    ],
)
def test_rm_by_name_and_by_key(words, left, run, folder):
    store = Store(folder / "cache" / "store")
    put(store, "one", "q", 1)
    last = put(store, "two", "q", 2)
    put(store, "one", "onnx", 3)
    words = [last.key[:12] if word == "KEY" else word for word in words]
    ran = run("cache", "rm", *words, "--cache", "cache")
    assert ran.code == 0 and "removed" in ran.out
    assert names(store) == left


def test_rm_of_what_is_not_clear_lists_it_and_removes_nothing(run, folder):
    store = Store(folder / "cache" / "store")
    entries = [put(store, "one", "q", 1), put(store, "two", "q", 2)]
    ran = run("cache", "rm", "q", "--cache", "cache")
    assert ran.code == 1 and "E0568" in ran.err
    assert all(entry.key[:12] in ran.err for entry in entries)
    near = run("cache", "rm", "one/p", "--cache", "cache")
    assert near.code == 1 and "E0567" in near.err and "did you mean `one/q`?" in near.err
    assert names(store) == ["one/q", "two/q"]
    with store.using():
        assert "E0559" in run("cache", "rm", "one/q", "--cache", "cache").err
    assert run("cache", "rm", "--cache", "cache").code == 2
    assert run("cache", "ls", "q", "--cache", "cache").code == 2


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
