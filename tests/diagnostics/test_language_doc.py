"""docs/language.md says what the tables say. UPDATE_CASES=1 writes its tables."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from infopt_compiler.diagnostics import CODES, Input
from infopt_compiler.metrics import METRICS
from infopt_compiler.sema import check_recipe
from infopt_compiler.sema.scope import RESERVED
from infopt_compiler.sema.slot import DATA_SLOTS, SCENARIO_SLOTS, Slot
from infopt_compiler.syntax.chunks import KEYWORDS
from infopt_compiler.units import MISSPELLED, UNITS, Dimension, human

DOC = Path(__file__).parents[2] / "docs" / "language.md"


def _rows(head: str, rows: list[tuple[str, ...]]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|" + "---|" * columns, *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines)


def _units() -> str:
    rows = []
    for dimension in Dimension:
        names = [f"`{u.name}`" for u in UNITS.values() if u.dimension is dimension and u.name]
        if names:
            wrong = [f"`{w}`" for w, right in MISSPELLED.items() if UNITS[right].dimension is dimension]
            rows.append((dimension.value, ", ".join(names), ", ".join(wrong)))
    return _rows("dimension | units | not", rows)


def _metrics() -> str:
    rows = []
    for m in METRICS.values():
        needs = f"`{m.needs.value}`" + (", `vs`" if m.reference else "")
        needs += f", {m.only.value}" if m.only else ""
        aggregates = ", ".join(f"`{a}`" for a in m.aggregates)
        rows.append(
            (
                f"`{m.name}`",
                aggregates,
                m.dimension.value,
                m.direction.value,
                needs,
                m.doc.replace("|", "\\|"),
            )
        )
    return _rows("metric | aggregates | dimension | direction | needs | meaning", rows)


def _range(slot: Slot) -> str:
    dimension = slot.dimension or Dimension.number
    ends = [human(end, dimension) if end is not None else "" for end in (slot.minimum, slot.maximum)]
    return f"{ends[0]} to {ends[1]}" if all(ends) else ""


def _settings() -> str:
    rows = []
    for what, slots in (("scenario", SCENARIO_SLOTS), ("data", DATA_SLOTS)):
        rows += [(f"`{what}`", f"`{s.name}`", s.type.__name__, _range(s)) for s in slots.values()]
    return _rows("of | setting | type | range", rows)


def _codes(family: str) -> str:
    rows = [
        (f"`{c.code}`", c.title, c.explanation.replace("|", "\\|"))
        for c in CODES.values()
        if c.code[:3] == family
    ]
    return _rows("code | title | what it means, and what to do", rows)


def _reserved() -> str:
    return ", ".join(f"`{name}`" for name in sorted(RESERVED)) + ", and names that begin with an underscore."


TABLES = {"reserved": _reserved, "settings": _settings, "units": _units, "metrics": _metrics}
TABLES |= {f"codes {family}": (lambda f=family: _codes(f)) for family in ("E01", "E02", "E03", "E04")}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_reference(name):
    block = re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    text = DOC.read_text("utf-8")
    match = block.search(text)
    assert match is not None
    expected = TABLES[name]() + "\n"
    if os.environ.get("UPDATE_CASES"):
        text = text[: match.start(2)] + expected + text[match.end(2) :]
        DOC.write_text(text, "utf-8")
        match = block.search(text)
    assert match[2] == expected


def test_the_recipe_of_the_reference_is_right():
    recipe = re.search(r"```\n(target.*?)```", DOC.read_text("utf-8"), re.DOTALL)[1]
    program, found = check_recipe(Input("doc.opt", recipe))
    assert found == [] and program is not None


def test_every_keyword_is_in_the_reference():
    text = DOC.read_text("utf-8")
    assert all(f"`{word}" in text for word in KEYWORDS)
