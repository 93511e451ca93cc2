"""The content-addressed store: an artifact per key, committed by one rename, verified on reading.

    store/objects/ab/<key>/   files/ (read-only) and entry.json
    store/staging/<key>/      files/ of a pass that runs, or of one that was interrupted (it resumes there)
    store/replaced/<key>      which entry stands for the key since it was made again with other bytes
    store/records/ab/<key>    small JSON records (measurements)
    store/stamps/<key>        size, time and inode of each file when its digest was last verified
    store/scratch/<key>/      temporary files of a pass that runs
    store/quarantine/         corrupt entries that were set aside
    store/locks/

An entry's files never change: a build that uses them may run while another makes the step again. Other bytes become an
entry of a key of their own, and `gc` removes what they replaced.

Reading verifies the SHA-256 of every file. Since hashing gigabytes takes seconds, files whose size,
modification time and inode are those of the last verification are not hashed again; `verify` hashes all.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.digest import digest_file, digest_json, digest_listing, folder_files
from infopt_compiler.artifacts.durable import (
    locked,
    move_folder,
    read_json,
    remove_tree,
    seal_tree,
    sync_folder,
    try_locked,
    write_json,
)
from infopt_compiler.artifacts.entry import Entry, Made
from infopt_compiler.diagnostics import Diagnostic, warning

Warn = Callable[[Diagnostic], None]


def cache_root() -> Path:
    """`$INFOPT_CACHE`, else `~/.cache/infopt-compiler`; holds store/, sources/ and machine/."""
    named = os.environ.get("INFOPT_CACHE")
    return Path(named).expanduser().resolve() if named else Path.home() / ".cache" / "infopt-compiler"


class Store:
    """Artifacts by key. Several processes may use one store at the same time."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else cache_root() / "store"

    def find(self, key: str, warn: Warn | None = None, digest: str | None = None) -> Entry | None:
        """The verified entry; None where there is none, or a corrupt one, which is told and set aside.

        `digest`: rather the entry with these bytes, also where another stands for the key since it was made again.
        """
        standing = self._standing(key)
        if digest is not None and (entry := self._read(standing)) is not None and entry.digest != digest:
            same = (one for one in self.entries() if one.digest == digest and _step_key(one) == key)
            standing = next((one.key for one in same), standing)
        return self._verified(standing, warn)

    def _verified(self, key: str, warn: Warn | None) -> Entry | None:
        folder = self._object(key)
        if not folder.is_dir():
            return None
        entry = self._read(key)
        damage = "its entry.json is damaged" if entry is None else self._damage(entry)
        if damage is not None:
            self._set_aside(key, damage, warn)
            return None
        try:
            os.utime(folder / "entry.json")  # when it was last used, for `gc`
        except FileNotFoundError:  # another process set it aside meanwhile
            return None
        return entry

    def peek(self, key: str) -> Entry | None:
        """The entry as it is recorded, nothing verified: for planning."""
        return self._read(self._standing(key))

    def lock(self, key: str, waiting: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """Hold the key while its artifact is made: a second build waits here, then finds it."""
        return locked(self.root / "locks" / key, waiting=waiting)

    @contextmanager
    def using(self) -> Iterator[None]:
        """Hold the store while its artifacts are in use: `gc` removes nothing meanwhile."""
        with locked(self.root / "locks" / "store", shared=True):
            yield

    def stage(self, key: str) -> Path:
        """The folder to write into; what an interrupted run left is still there."""
        folder = self._staging(key) / "files"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def staged(self, key: str) -> Path | None:
        """The folder that an interrupted run wrote into, None where there is none."""
        folder = self._staging(key) / "files"
        return folder if folder.is_dir() else None

    def scratch(self, key: str) -> Path:
        """An empty folder for temporary files, on the disk of the store; `end_scratch` removes it."""
        folder = self.root / "scratch" / key
        remove_tree(folder)
        folder.mkdir(parents=True)
        return folder

    def end_scratch(self, key: str) -> None:
        remove_tree(self.root / "scratch" / key)

    def discard(self, key: str) -> None:
        """Drop what was staged, so that the next run starts afresh."""
        remove_tree(self._staging(key))

    def commit(self, key: str, made: Made, *, replace: bool = False) -> Entry:
        """Make the staged folder the entry of `key`: fsync, then one rename. OSError leaves the store as it was.

        With `replace` it stands for the key from now on also where there was an entry; of equal bytes only the record is new.
        """
        staging, files = self._staging(key), self._staging(key) / "files"
        for path in files.rglob("*"):
            if path.is_symlink():
                raise OSError(f"an artifact cannot hold a symbolic link: {path.relative_to(files)}")
        seal_tree(files)
        found = dict(folder_files(files))
        digests = {name: digest_file(path) for name, path in found.items()}
        size = sum(path.stat().st_size for path in found.values())
        digest = digest_listing(digests)
        before = self.peek(key) if replace else None
        own = self._own_key(key, digest, before)
        entry = Entry(own, made, digest, digests, size, time.time(), self._object(own) / "files")
        write_json(staging / "entry.json", entry.to_json())
        sync_folder(staging)
        if not entry.files.parent.exists():
            move_folder(staging, entry.files.parent)
        elif replace:
            (staging / "entry.json").replace(entry.files.parent / "entry.json")
            sync_folder(entry.files.parent)
        remove_tree(staging)
        self._stamp(entry)
        if own != key:
            write_json(self._replaced(key), {"entry": own})
        return entry

    def _own_key(self, key: str, digest: str, before: Entry | None) -> str:
        """The key that an entry lies at: the step's, or one of its own where other bytes lie there."""
        if before is None:
            return self._standing(key)
        return before.key if before.digest == digest else digest_json({"key": key, "again": uuid.uuid4().hex})

    def entries(self) -> list[Entry]:
        """All entries, oldest first; nothing is verified, unreadable ones are left out."""
        keys = [path.name for path in self.root.glob("objects/*/*")]
        found = [entry for entry in map(self._read, keys) if entry is not None]
        return sorted(found, key=lambda entry: entry.created)

    def note_used(self, recipe: str, name: str, entry: Entry) -> None:
        """That a build of a recipe made or reused the entry as its binding `name`: what `explain` compares the next one with."""
        key, used = digest_json(["used", recipe, name]), {"key": entry.key, "material": entry.made.material}
        if self.record(key) != used:
            self.put_record(key, used)

    def last_used(self, recipe: str, name: str) -> dict[str, Any] | None:
        """The material of the entry that a recipe's binding was last, also where it is gone since; None before the first."""
        return (self.record(digest_json(["used", recipe, name])) or {}).get("material")

    def verify(self, warn: Warn | None = None) -> list[str]:
        """Hash every file of every entry; corrupt entries are told and set aside; gives their keys."""
        bad: list[str] = []
        for path in sorted(self.root.glob("objects/*/*")):
            (self.root / "stamps" / path.name).unlink(missing_ok=True)
            if self._verified(path.name, warn) is None:
                bad.append(path.name)
        return bad

    def gc(self, *, max_age: float | None = None, max_bytes: int | None = None) -> list[Entry]:
        """Remove entries that were replaced, those unused for `max_age` seconds, then the longest unused ones beyond
        `max_bytes`; gives them.

        Files that entries share (hard links) count once. Interrupted runs and quarantined entries go, too,
        those younger than `max_age` excepted. Raises BlockingIOError while a build uses the store.
        """
        with try_locked(self.root / "locks" / "store") as free:
            if not free:
                raise BlockingIOError("a build is using the store")
            removed = list(self._victims(max_age, max_bytes))
            for entry in removed:
                self._remove(entry.files.parent)
            self._sweep(max_age or 0.0)
        return removed

    def remove(self, entries: Sequence[Entry]) -> list[Entry]:
        """Remove these, what they replaced, and what an interrupted run left of their steps; gives them all. Raises
        BlockingIOError while a build uses the store."""
        with try_locked(self.root / "locks" / "store") as free:
            if not free:
                raise BlockingIOError("a build is using the store")
            steps = {_step_key(entry) for entry in entries}
            going = {entry.key: entry for entry in entries}
            going |= {
                one.key: one for one in self.entries() if self.is_replaced(one) and _step_key(one) in steps
            }
            for entry in going.values():
                self._remove(entry.files.parent)
            for key in steps:
                self.discard(key)
        return list(going.values())

    def is_replaced(self, entry: Entry) -> bool:
        """Whether another entry stands for its step since the step was made again."""
        key = _step_key(entry)
        return self._replaced(key).is_file() and self._standing(key) != entry.key

    def record(self, key: str) -> dict[str, Any] | None:
        """A small JSON record, None where there is none."""
        data = read_json(self._record(key))
        return data if isinstance(data, dict) else None

    def put_record(self, key: str, data: dict[str, Any]) -> None:
        write_json(self._record(key), data)

    def _object(self, key: str) -> Path:
        return self.root / "objects" / key[:2] / key

    def _staging(self, key: str) -> Path:
        return self.root / "staging" / key

    def _replaced(self, key: str) -> Path:
        return self.root / "replaced" / key

    def _standing(self, key: str) -> str:
        """The key of the entry that stands for a step's key."""
        data = read_json(self._replaced(key))
        return str(data["entry"]) if isinstance(data, dict) and "entry" in data else key

    def _record(self, key: str) -> Path:
        return self.root / "records" / key[:2] / key

    def _read(self, key: str) -> Entry | None:
        data = read_json(self._object(key) / "entry.json")
        try:
            return Entry.from_json(data, self._object(key) / "files")
        except (KeyError, TypeError):
            return None

    def _damage(self, entry: Entry) -> str | None:
        """What is wrong with the files of an entry, None if nothing is."""
        found = dict(folder_files(entry.files))
        if missing := sorted(entry.digests.keys() - found.keys()):
            return f"`{missing[0]}` is missing"
        if extra := sorted(found.keys() - entry.digests.keys()):
            return f"`{extra[0]}` does not belong to it"
        stamps = read_json(self.root / "stamps" / entry.key) or {}
        fresh = {name: _stamp_of(path) for name, path in found.items()}
        for name, path in found.items():
            if stamps.get(name) != fresh[name] and digest_file(path) != entry.digests[name]:
                return f"`{name}` is not what was written"
        if stamps != fresh:
            self._stamp(entry)
        return None

    def _stamp(self, entry: Entry) -> None:
        stamps = {name: _stamp_of(entry.files / name) for name in entry.digests}
        write_json(self.root / "stamps" / entry.key, stamps)

    def _set_aside(self, key: str, damage: str, warn: Warn | None) -> None:
        aside = self.root / "quarantine" / f"{key}.{uuid.uuid4().hex}"
        try:
            move_folder(self._object(key), aside)
        except FileNotFoundError:  # another process was first, and tells
            return
        if warn is not None:
            told = f"a cached artifact is corrupt ({damage}); it was set aside and is made again"
            warn(warning("E0620", told, help=f"it lies in {aside} until `cache gc`"))

    def _victims(self, max_age: float | None, max_bytes: int | None) -> Iterator[Entry]:
        used = {entry.key: (entry.files.parent / "entry.json").stat().st_mtime for entry in self.entries()}
        newest = sorted(self.entries(), key=lambda entry: used[entry.key], reverse=True)
        disk = disk_bytes(newest)
        total = 0
        for entry in newest:
            old = max_age is not None and time.time() - used[entry.key] > max_age
            if old or self.is_replaced(entry):
                yield entry
                continue
            total += disk[entry.key]
            if max_bytes is not None and total > max_bytes:
                yield entry

    def _sweep(self, age: float) -> None:
        """Remove leftovers: interrupted runs, quarantined entries, half-written temporary files."""
        for pattern in (
            "staging/*",
            "scratch/*",
            "quarantine/*",
            "trash/*",
            "records/*/.*.tmp",
            "stamps/.*.tmp",
            "replaced/.*.tmp",
        ):
            for path in self.root.glob(pattern):
                if time.time() - path.stat().st_mtime >= age:
                    path.unlink() if path.is_file() else remove_tree(path)

    def _remove(self, folder: Path) -> None:
        """Rename first: a kill half-way must not leave half an entry."""
        trash = self.root / "trash" / uuid.uuid4().hex
        move_folder(folder, trash)
        (self.root / "stamps" / folder.name).unlink(missing_ok=True)
        remove_tree(trash)


def disk_bytes(entries: Sequence[Entry]) -> dict[str, int]:
    """By key, the bytes that an entry's files take of the disk (blocks) besides those of the entries before it: a file that
    several hold (hard links) counts at the first."""
    seen: set[int] = set()
    found = {}
    for entry in entries:
        stats = {path.stat().st_ino: path.stat().st_blocks * 512 for _, path in folder_files(entry.files)}
        found[entry.key] = sum(size for inode, size in stats.items() if inode not in seen)
        seen |= stats.keys()
    return found


def _step_key(entry: Entry) -> str:
    """The key of the step that made it, whatever key it lies at."""
    return digest_json(entry.made.material)


def _stamp_of(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]
