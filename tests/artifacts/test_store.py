"""The store stays sound: committed by one rename, verified on reading, shared by builds, killed at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from infopt_compiler.artifacts.digest import digest_folder, digest_json
from infopt_compiler.artifacts.durable import locked
from infopt_compiler.artifacts.entry import Made
from infopt_compiler.artifacts.store import Store, cache_root, disk_bytes

KEY = digest_json("key")


def made(name: str = "q") -> Made:
    return Made(name, "HFModel", {"pass": "quantize"}, {"layers": 2}, 1.5, 1000)


def put(store: Store, key: str = KEY, name: str = "q", content: bytes = b"weights"):
    (store.stage(key) / "model.safetensors").write_bytes(content)
    return store.commit(key, made(name))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def test_cache_root_follows_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("INFOPT_CACHE")
    assert cache_root().parts[-2:] == (".cache", "infopt-compiler")


def test_what_is_committed_is_found(store):
    assert store.find(KEY) is None
    entry = put(store)
    found = store.find(KEY)
    assert found == entry
    assert found.made == made()
    assert found.artifact.digest == digest_folder(found.files)
    assert found.size_bytes == found.artifact.size_bytes == 7
    assert not any(store.root.glob("staging/*"))


def test_files_are_read_only(store):
    assert (put(store).files / "model.safetensors").stat().st_mode & 0o222 == 0


def test_nothing_is_there_before_commit(store):
    (store.stage(KEY) / "half").write_bytes(b"x")
    assert store.find(KEY) is None and store.entries() == []


def test_staging_stays_for_a_resume(store):
    (store.stage(KEY) / "layer0").write_bytes(b"x")
    assert (Store(store.root).stage(KEY) / "layer0").exists()
    store.discard(KEY)
    assert not (store.stage(KEY) / "layer0").exists()


def _overwrite(path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("harm", ["bytes", "missing", "extra", "entry", "no entry"])
def test_a_corrupt_entry_is_told_and_set_aside(store, harm):
    files = put(store).files
    if harm == "bytes":
        _overwrite(files / "model.safetensors", b"weighty")
    elif harm == "missing":
        (files / "model.safetensors").unlink()
    elif harm == "extra":
        (files / "more").write_bytes(b"")
    elif harm == "entry":
        (files.parent / "entry.json").write_text('{"key": 1')
    else:
        (files.parent / "entry.json").unlink()
    told = []
    assert store.find(KEY, told.append) is None
    assert [d.code for d in told] == ["E0620"]
    assert store.find(KEY, told.append) is None and len(told) == 1
    put(store)
    assert store.find(KEY) is not None


def test_unchanged_files_are_hashed_once(store, monkeypatch):
    entry = put(store)
    hashed = []
    monkeypatch.setattr("infopt_compiler.artifacts.store.digest_file", lambda path: hashed.append(path) or "")
    assert store.find(KEY) == entry and hashed == []


def test_touched_files_are_hashed_again(store):
    path = put(store).files / "model.safetensors"
    os.utime(path, (1, 1))
    assert store.find(KEY) is not None


def test_verify_hashes_everything(store):
    path = put(store).files / "model.safetensors"
    put(store, digest_json("other"))
    stat = path.stat()
    _overwrite(path, b"weighty")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a failing disk does: no new time
    assert store.find(KEY) is not None
    told = []
    assert store.verify(told.append) == [KEY] and len(told) == 1


def test_a_symbolic_link_is_no_artifact(store, tmp_path):
    (store.stage(KEY) / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="symbolic link"):
        store.commit(KEY, made())


def test_what_a_recipe_used_last_is_kept_by_recipe_and_binding(store):
    first, second = put(store, digest_json(1), "q"), put(store, digest_json(2), "q")
    store.note_used("/a/chat", "q", first)
    store.note_used("/b/chat", "q", second)
    assert store.last_used("/a/chat", "q") == first.made.material
    store.note_used("/a/chat", "q", second)
    assert store.last_used("/a/chat", "q") == second.made.material
    assert store.last_used("/a/chat", "other") is store.last_used("/c/chat", "q") is None


def test_records(store):
    assert store.record(KEY) is None
    store.put_record(KEY, {"seconds": [0.25]})
    assert Store(store.root).record(KEY) == {"seconds": [0.25]}
    store.put_record(KEY, {})
    assert store.record(KEY) == {}


def _age(store: Store, key: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(store.peek(key).files.parent / "entry.json", (then, then))


def test_gc_removes_what_is_unused_for_long(store):
    keys = [digest_json(n) for n in range(3)]
    for key in keys:
        put(store, key)
    _age(store, keys[1], 1000)
    (store.stage(KEY) / "leftover").write_bytes(b"x")
    assert [entry.key for entry in store.gc(max_age=500)] == [keys[1]]
    assert store.find(keys[1]) is None and store.find(keys[2]) is not None
    assert (store.root / "staging" / KEY).exists()
    store.gc()
    assert not (store.root / "staging" / KEY).exists()


def test_gc_keeps_the_bytes_used_last_and_counts_links_once(store):
    keys = [digest_json(n) for n in range(3)]
    first = put(store, keys[0], content=b"x" * 100_000)
    put(store, keys[1], content=b"y" * 100_000)
    os.link(first.files / "model.safetensors", store.stage(keys[2]) / "model.safetensors")
    store.commit(keys[2], made())
    for age, key in zip((20, 30, 10), keys, strict=True):
        _age(store, key, age)
    assert [entry.key for entry in store.gc(max_bytes=150_000)] == [keys[1]]


def test_gc_waits_for_no_build(store):
    put(store)
    with store.using(), pytest.raises(BlockingIOError):
        store.gc(max_age=0)
    assert store.find(KEY) is not None


def test_a_second_build_waits_for_the_first(tmp_path):
    hold = (
        "import sys, time; from pathlib import Path; from infopt_compiler.artifacts.durable import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(0.5)"
    )
    path = tmp_path / "locks" / "key"
    with subprocess.Popen([sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        since, waited = time.monotonic(), []
        with locked(path, waiting=lambda: waited.append(True)):
            assert waited and time.monotonic() - since > 0.3


_KILLED = """
import sys
from pathlib import Path
from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.artifacts.entry import Made
from infopt_compiler.artifacts.store import Store
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(10_000):
    key = digest_json(n % 7)
    if n >= 7 and n % 3 == 0:
        store._remove(store._object(key)) if store.peek(key) else None
    if store.find(key) is None:
        folder = store.stage(key)
        for name in "abc":
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_bytes(name.encode() * 50_000)
        store.commit(key, Made("n", "HFModel", {"n": n}))
    store.put_record(key, {"n": [n] * 100})
"""


def test_a_kill_at_any_moment_leaves_the_store_sound(store):
    rng = random.Random(0)
    seen = 0
    for _ in range(12):
        worker = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(store.root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        worker.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.15))
        worker.send_signal(signal.SIGKILL)
        assert b"Traceback" not in worker.communicate()[1]
        told = []
        assert store.verify(told.append) == [] and told == []
        for entry in store.entries():
            seen += 1
            assert digest_folder(entry.files) == entry.digest
        records = [path for path in store.root.glob("records/*/*") if not path.name.startswith(".")]
        assert all(store.record(path.name) is not None for path in records)
    assert seen > 0


def test_what_is_replaced_stays_for_those_who_use_it(store):
    key = digest_json(made().material)
    old = put(store, key)
    (store.stage(key) / "model.safetensors").write_bytes(b"other weights")
    new = store.commit(key, made(), replace=True)
    assert (old.files / "model.safetensors").read_bytes() == b"weights"
    assert store.find(key) == store.peek(key) == new != old
    assert [store.is_replaced(entry) for entry in (old, new)] == [True, False]
    assert store.verify() == []
    assert store.gc(max_age=1e6) == [old] and store.find(key) == new


def test_equal_bytes_replace_the_record_only(store):
    key = digest_json(made().material)
    old = put(store, key)
    inode = (old.files / "model.safetensors").stat().st_ino
    (store.stage(key) / "model.safetensors").write_bytes(b"weights")
    new = store.commit(key, made("again"), replace=True)
    assert (new.key, new.digest, new.made.name) == (key, old.digest, "again")
    assert store.find(key).created > old.created and not list(store.root.glob("staging/*"))
    assert (new.files / "model.safetensors").stat().st_ino == inode


def test_removing_takes_what_was_replaced_and_what_was_staged_along(store):
    key = digest_json(made().material)
    put(store, key)
    (store.stage(key) / "model.safetensors").write_bytes(b"other weights")
    new = store.commit(key, made(), replace=True)
    (store.stage(key) / "half").write_bytes(b"x")
    assert len(store.remove([new])) == 2
    assert store.entries() == [] and store.find(key) is None and not list(store.stage(key).iterdir())
    put(store, key)
    assert store.find(key) is not None
    with store.using(), pytest.raises(BlockingIOError):
        store.remove(store.entries())


def test_shared_files_take_their_place_once(store):
    first = put(store, content=b"w" * 100_000)
    other = digest_json("other")
    os.link(first.files / "model.safetensors", store.stage(other) / "model.safetensors")
    (store.stage(other) / "note").write_bytes(b"n")
    second = store.commit(other, made())
    disk = disk_bytes(store.entries())
    blocks = (first.files / "model.safetensors").stat().st_blocks * 512
    assert disk[first.key] == blocks > 90_000
    assert disk[second.key] == (second.files / "note").stat().st_blocks * 512 < 10_000


def test_entries_of_earlier_versions_are_read(store):
    """They name no recipe."""
    entry = put(store)
    record = entry.files.parent / "entry.json"
    data = {name: value for name, value in entry.to_json().items() if name != "recipe"}
    record.write_text(json.dumps(data))
    assert store.find(KEY).made.recipe == ""
