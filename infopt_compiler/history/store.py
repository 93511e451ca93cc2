"""The file: SQLite in write-ahead mode, so that jobs of a sweep and builds beside each other may all append."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from infopt_compiler.budget import Earlier, Spread
from infopt_compiler.history.model import Build, Figure, Wanted

FILE_NAME = "history.sqlite"  # in the folder of outputs, beside the runs of all recipes
_VERSION = 1
_WAIT_SECONDS = 60.0  # for another build that is writing

_BUILD = (
    "recipe", "variant", "overrides", "started", "seconds", "machine", "machine_name", "target", "verdict", "exit_code",
    "folder", "commit_digest", "dirty",
)  # fmt: skip
_FIGURE = (
    "budget", "subject", "metric", "unit", "value", "low", "high", "confidence", "basis", "digest", "scenario", "data",
    "reference", "conditions", "text", "spread", "operator", "limit_value", "limit_raw", "relative_to", "severity", "verdict",
)  # fmt: skip
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS builds (number INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(_BUILD)});
CREATE TABLE IF NOT EXISTS figures (build INTEGER NOT NULL REFERENCES builds (number), {", ".join(_FIGURE)});
CREATE INDEX IF NOT EXISTS builds_of_recipe ON builds (recipe, number);
CREATE INDEX IF NOT EXISTS figures_of_build ON figures (build);
"""
# A build that failed to hold its own value against the last one is no new measure: else a second run would always pass.
_EARLIER = """
SELECT f.spread, f.digest, b.started, b.commit_digest FROM builds b JOIN figures f ON f.build = b.number
WHERE b.recipe = :recipe AND b.variant = :variant AND f.budget = :budget AND f.subject = :subject
  AND f.metric = :metric AND f.data IS :on AND f.reference IS :reference AND f.conditions = :conditions
  AND f.basis = 'measured' AND f.spread IS NOT NULL
  AND (:machine IS NULL OR b.machine = :machine) AND (:text IS NULL OR f.text = :text)
  AND NOT EXISTS (
    SELECT 1 FROM figures x WHERE x.build = b.number AND x.budget = f.budget AND x.metric = f.metric
      AND x.data IS f.data AND x.reference IS f.reference
      AND x.relative_to = 'last' AND x.verdict IN ('missed', 'inconclusive'))
ORDER BY b.number DESC, f.operator IS NULL, length(f.spread) DESC LIMIT 1
"""


class HistoryError(Exception):
    """The file cannot be read or written; the message says why, for people."""


class History:
    """The history in one folder of outputs. Every method raises HistoryError, and only that."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, build: Build) -> None:
        """All of a build, or nothing of it."""
        with self._open(write=True) as connection:
            number = connection.execute(_insert("builds", _BUILD), _build_row(build)).lastrowid
            rows = [(number, *_figure_row(figure)) for figure in build.figures]
            connection.executemany(_insert("figures", ("build", *_FIGURE)), rows)

    def earlier(self, wanted: Wanted) -> Earlier | None:
        """What the newest earlier build measured under the same conditions; None where there is none."""
        values = {**wanted.__dict__, "variant": json.dumps(list(wanted.variant))}
        with self._open() as connection:
            row = connection.execute(_EARLIER, values).fetchone()
        if row is None:
            return None
        spread, digest, started, commit = row
        return Earlier(_spread(spread), digest, started, commit)

    def builds(self, recipe: str | None = None, limit: int | None = None) -> list[Build]:
        """The newest builds (of a recipe) with their figures, oldest first."""
        query = "SELECT * FROM builds WHERE (:recipe IS NULL OR recipe = :recipe) ORDER BY number DESC LIMIT :limit"
        with self._open() as connection:
            rows = connection.execute(query, {"recipe": recipe, "limit": -1 if limit is None else limit})
            return [_build(connection, row) for row in reversed(rows.fetchall())]

    def recipes(self) -> list[str]:
        """The recipes that were built."""
        with self._open() as connection:
            rows = connection.execute("SELECT DISTINCT recipe FROM builds ORDER BY recipe")
            return [str(row[0]) for row in rows]

    @contextmanager
    def _open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction. Reading a file that is not there reads an empty history."""
        there = write or self.path.exists()
        try:
            with closing(
                sqlite3.connect(self.path if there else ":memory:", timeout=_WAIT_SECONDS)
            ) as connection:
                connection.isolation_level = None  # transactions are begun by hand
                _prepare(connection)
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError, ValueError, KeyError, TypeError) as problem:
            raise HistoryError(str(problem)) from problem


def _prepare(connection: sqlite3.Connection) -> None:
    """The tables of a new file; HistoryError for a file of a later version."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == _VERSION:
        return
    if version > _VERSION:
        raise HistoryError(f"it was written by a later version ({version}, this one reads {_VERSION})")
    with suppress(sqlite3.OperationalError):  # another build is just doing so
        connection.execute("PRAGMA journal_mode = WAL")  # kept in the file
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.strip().split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _build_row(build: Build) -> tuple[Any, ...]:
    words = json.dumps(list(build.variant)), json.dumps(list(build.overrides))
    return (
        build.recipe, *words, build.started, build.seconds, build.machine, build.machine_name, build.target,
        build.verdict, build.exit_code, build.folder, build.commit, int(build.dirty),
    )  # fmt: skip


def _figure_row(f: Figure) -> tuple[Any, ...]:
    spread = json.dumps(f.spread.to_json()) if f.spread is not None else None
    return (
        f.budget, f.subject, f.metric, f.unit, f.value, _finite(f.low), _finite(f.high), f.confidence, f.basis, f.digest,
        f.scenario, f.on, f.reference, f.conditions, f.text, spread, f.operator, f.limit, f.limit_raw, f.relative_to,
        f.severity, f.verdict,
    )  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _build(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Build:
    number, recipe, variant, overrides, *plain, commit, dirty = row
    query = f"SELECT {', '.join(_FIGURE)} FROM figures WHERE build = ? ORDER BY rowid"
    figures = tuple(_figure(found) for found in connection.execute(query, (number,)))
    known = dict(zip(_BUILD[3:11], plain, strict=True))
    words = tuple(json.loads(variant)), tuple(json.loads(overrides))
    return Build(recipe, *words, **known, commit=commit, dirty=bool(dirty), figures=figures, number=number)


def _figure(row: tuple[Any, ...]) -> Figure:
    found = list(row)
    at = _FIGURE.index("spread")
    found[at] = _spread(found[at]) if found[at] is not None else None
    return Figure(*found)


def _spread(text: str) -> Spread:
    return Spread.from_json(json.loads(text))
