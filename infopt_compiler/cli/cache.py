"""`cache ls|gc|verify`: the store of artifacts."""

from __future__ import annotations

import json
import time
from pathlib import Path

from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.artifacts.store import Store, cache_root
from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say, show_diagnostics
from infopt_compiler.config.values import decode_quantity
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, error
from infopt_compiler.units import Dimension, UnitError, human

DEFAULT_AGE = "720 h"  # 30 days


def run(command: Command) -> int:
    named = command.text("cache")
    store = Store((Path(named).expanduser().absolute() if named else cache_root()) / "store")
    try:
        return {"ls": _list, "gc": _collect, "verify": _verify}[command.words[0]](store, command)
    except BrokenPipeError:
        raise
    except OSError as wrong:
        message = f"the store in {store.root} cannot be used: {wrong}"
        raise DiagnosticError(error("E0810", message, help="check the rights of the folder")) from wrong


def _list(store: Store, command: Command) -> int:
    entries = store.entries()
    if command.on("json"):
        say(json.dumps([_facts(entry) for entry in entries], indent=2))
        return 0
    for entry in entries:
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.created))
        say(f"{entry.key[:12]}  {made}  {human(entry.size_bytes, Dimension.bytes):>8}  {entry.made.name}")
    total = human(sum(entry.size_bytes for entry in entries), Dimension.bytes) if entries else "nothing"
    say(f"{len(entries)} entries, {total}, in {store.root}")
    return 0


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "key": entry.key,
        "name": entry.made.name,
        "digest": entry.digest,
        "size_bytes": entry.size_bytes,
        "created": entry.created,
        "path": str(entry.files),
    }


def _collect(store: Store, command: Command) -> int:
    age = _limit(command, "max_age", Dimension.time)
    size = _limit(command, "max_size", Dimension.bytes)
    try:
        removed = store.gc(
            max_age=decode_quantity(DEFAULT_AGE).base if age is None else age,
            max_bytes=None if size is None else int(size),
        )
    except BlockingIOError:
        raise DiagnosticError(
            error("E0559", "a build is using the store", help="try again when it ended")
        ) from None
    freed = sum(entry.size_bytes for entry in removed)
    if command.on("json"):
        say(json.dumps({"removed": [_facts(entry) for entry in removed], "freed_bytes": freed}, indent=2))
    else:
        say(f"removed {len(removed)} entries, {human(freed, Dimension.bytes) if freed else '0 B'}")
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
