"""`cache ls|rm|gc|verify`: the store of artifacts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.artifacts.store import Store, cache_root, disk_bytes
from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say, show_diagnostics
from infopt_compiler.config.values import decode_quantity
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Note, did_you_mean, error
from infopt_compiler.units import Dimension, UnitError, human

DEFAULT_AGE = "720 h"  # 30 days


def run(command: Command) -> int:
    named = command.text("cache")
    store = Store((Path(named).expanduser().absolute() if named else cache_root()) / "store")
    try:
        return {"ls": _list, "rm": _remove, "gc": _collect, "verify": _verify}[command.words[0]](
            store, command
        )
    except BrokenPipeError:
        raise
    except OSError as wrong:
        message = f"the store in {store.root} cannot be used: {wrong}"
        raise DiagnosticError(error("E0810", message, help="check the rights of the folder")) from wrong


def _list(store: Store, command: Command) -> int:
    entries = store.entries()
    disk = disk_bytes(entries)
    if command.on("json"):
        say(json.dumps([_facts(store, entry, disk[entry.key]) for entry in entries], indent=2))
        return 0
    if entries:
        say("\n".join(table(store, entries, disk)))
    total = human(sum(disk.values()), Dimension.bytes) if entries else "nothing"
    say(f"{len(entries)} entries, {total} on the disk, in {store.root}")
    return 0


_SHORT = 12  # hexadecimal digits of a key that are printed
_WIDTHS = {"entry": _SHORT, "recipe": 18, "binding": 14, "pass": 9, "age": 7, "size": 8}  # 78 with the gaps


def table(store: Store, entries: Sequence[Entry], disk: Mapping[str, int]) -> list[str]:
    """Lines of at most 80 columns, oldest first."""
    rows = [dict.fromkeys(_WIDTHS, "") | {name: name for name in _WIDTHS}]
    for entry in entries:
        made = entry.made
        name = f"{made.name} (old)" if store.is_replaced(entry) else made.name
        size = human(disk[entry.key], Dimension.bytes) if disk[entry.key] else "0 B"
        age = _age(time.time() - entry.created)
        cells = (entry.key[:_SHORT], made.recipe or "–", name, made.pass_name or "–", age, size)
        rows.append(dict(zip(_WIDTHS, cells, strict=True)))
    return ["  ".join(_cell(name, row[name]) for name in _WIDTHS).rstrip() for row in rows]


def _cell(name: str, text: str) -> str:
    """The text in its column, its middle left out where it is longer."""
    width = _WIDTHS[name]
    if len(text) > width:
        text = f"{text[: width // 2]}…{text[len(text) - (width - width // 2 - 1) :]}"
    return text.rjust(width) if name in ("age", "size") else text.ljust(width)


def _age(seconds: float) -> str:
    """`5 min`, `3 h`, `12 days`."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length * (2 if unit == "days" else 1):
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def _facts(store: Store, entry: Entry, disk: int) -> dict[str, object]:
    return {
        "key": entry.key,
        "recipe": entry.made.recipe or None,
        "name": entry.made.name,
        "pass": entry.made.pass_name or None,
        "digest": entry.digest,
        "size_bytes": entry.size_bytes,
        "disk_bytes": disk,
        "created": entry.created,
        "replaced": store.is_replaced(entry),
        "path": str(entry.files),
    }


def _remove(store: Store, command: Command) -> int:
    entries = store.entries()
    found = [_named(word, store, entries, every=command.on("all")) for word in command.words[1:]]
    disk = sum(disk_bytes(entries).values())
    try:
        removed = store.remove([entry for several in found for entry in several])
    except BlockingIOError:
        raise _in_use() from None
    _tell_removed(store, command, removed, disk)
    return 0


def _named(word: str, store: Store, entries: Sequence[Entry], *, every: bool) -> list[Entry]:
    """The entries that a word stands for: the beginning of a key, `BINDING`, or `RECIPE/BINDING`. DiagnosticError where none
    is, or several are and not `every` one is meant."""
    recipe, _, name = word.rpartition("/")
    recipe = recipe.removesuffix(".opt")
    found = [e for e in entries if e.made.name == name and recipe in ("", e.made.recipe)]
    found = [e for e in found if not store.is_replaced(e)] or found
    found = found or [e for e in entries if len(word) >= _LEAST and e.key.startswith(word)]
    if not found:
        known = {text for e in entries for text in (e.made.name, f"{e.made.recipe}/{e.made.name}")}
        help = did_you_mean(word, known) or "`cache ls` lists the entries"
        raise DiagnosticError(error("E0567", f"the store has no entry `{word}`", at(word), help=help))
    if len(found) > 1 and not every:
        lines = (Note(line) for line in table(store, found, disk_bytes(entries)))
        help = "name one by its key, or say `RECIPE/BINDING`, or remove all of them with `--all`"
        told = f"`{word}` stands for {len(found)} entries"
        raise DiagnosticError(error("E0568", told, at(word), notes=tuple(lines), help=help))
    return found


_LEAST = 4  # digits of a key that say which is meant


def _in_use() -> DiagnosticError:
    return DiagnosticError(error("E0559", "a build is using the store", help="try again when it ended"))


def _tell_removed(store: Store, command: Command, removed: Sequence[Entry], before: int) -> None:
    """What is gone, and what the disk has back since it held `before` bytes of entries."""
    freed = before - sum(disk_bytes(store.entries()).values())
    if command.on("json"):
        rows = [
            {"key": e.key, "recipe": e.made.recipe or None, "name": e.made.name, "digest": e.digest}
            for e in removed
        ]
        say(json.dumps({"removed": rows, "freed_bytes": freed}, indent=2))
        return
    say(f"removed {len(removed)} entries, {human(freed, Dimension.bytes) if freed else '0 B'}")


def _collect(store: Store, command: Command) -> int:
    age = _limit(command, "max_age", Dimension.time)
    size = _limit(command, "max_size", Dimension.bytes)
    disk = sum(disk_bytes(store.entries()).values())
    try:
        removed = store.gc(
            max_age=decode_quantity(DEFAULT_AGE).base if age is None else age,
            max_bytes=None if size is None else int(size),
        )
    except BlockingIOError:
        raise _in_use() from None
    _tell_removed(store, command, removed, disk)
    return 0


def _limit(command: Command, key: str, dimension: Dimension) -> float | None:
    text = command.text(key)
    if text is None:
        return None
    try:
        return decode_quantity(text, dimension).base
    except UnitError as problem:
        raise DiagnosticError(error("E0502", str(problem), at(text), help=problem.help)) from problem


def _verify(store: Store, command: Command) -> int:
    """Exit 1 where an entry is corrupt; it is set aside, and the next build makes it again."""
    told: list[Diagnostic] = []
    bad = store.verify(told.append)
    if command.on("json"):
        say(json.dumps({"entries": len(store.entries()), "corrupt": bad}, indent=2))
        return int(bool(bad))
    show_diagnostics(told, no_color=command.on("no_color"))
    say(f"{len(store.entries())} entries are sound, {len(bad)} corrupt")
    return int(bool(bad))
