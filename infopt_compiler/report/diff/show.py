"""Both renderings draw the same tables: (title, heads, rows), cells as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from infopt_compiler.report.diff.conditions import NOT_SHOWN, OTHER
from infopt_compiler.report.markdown import table as markdown_table
from infopt_compiler.report.values import MARK, short_interval, value_text
from infopt_compiler.units import Dimension, human

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]
Table = tuple[str, list[str], list[list[str]]]

_SIGN = {"worse": "WORSE", "unknown": "?", "added": "only B", "removed": "only A"}  # else the word itself
_STILL = ("same", NOT_SHOWN, "unknown", *OTHER)  # of values without a bound these are not shown
_MARKDOWN_SIGN = {"better": "✓ better", "WORSE": "✗ **worse**", NOT_SHOWN: f"= {NOT_SHOWN}"}
NOTE = f"better, WORSE: the intervals of both builds share no value; {NOT_SHOWN}: they do"
OTHER_CONDITIONS = (
    "other text, scenario, limits, one predicted: measured on other data or under other settings, or by arithmetic in one of "
    "them, so no comparison of what was built"
)
MACHINES_DIFFER = (
    "the machines differ: times, rates and memory of A and B are no comparison of what was built"
)


def show(diff: Row, console: Console) -> None:
    from rich.table import Table as RichTable
    from rich.text import Text

    for line in _heads(diff):
        console.print(Text(line), soft_wrap=True)
    for title, heads, rows in tables(diff):
        table = RichTable(title=Text(title), title_justify="left", box=None, pad_edge=False)
        for number, name in enumerate(heads):
            table.add_column(name, justify="left" if number == 0 or name in ("", "change") else "right")
        for row in rows:
            table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
        console.print(table)
    for line in notes(diff):
        console.print(Text(line, style="dim"), soft_wrap=True)


def markdown(diff: Row) -> str:
    parts = [
        f"## `{diff['b']['recipe']}`: {_verdicts(diff)}",
        "\n".join(f"- {line}" for line in _heads(diff)),
    ]
    for title, heads, rows in tables(diff):
        cells = [[_MARKDOWN_SIGN.get(cell, cell) for cell in row] for row in rows]
        parts.append(f"### {title}\n\n" + markdown_table(heads, cells))
    return "\n\n".join([*parts, *notes(diff)]) + "\n"


def tables(diff: Row) -> Iterator[Table]:
    """What there is to show: parts in which nothing differs are left out, bounds and artifacts never."""
    if diff["bounds"]:
        heads = ["bound", "A", "B", "B / A", "change", "limit", "verdict"]
        yield "bounds", heads, [_bound(row) for row in diff["bounds"]]
    moved = [row for row in _beside(diff) if row["change"] not in _STILL]
    if moved and _measured(diff):
        heads = ["value", "subject", "A", "B", "B / A", "change"]
        yield "measured beside them, beyond both intervals", heads, [_value(row) for row in moved]
    if diff["artifacts"]:
        yield "artifacts", ["binding", "A", "B", "B / A", ""], [_artifact(row) for row in diff["artifacts"]]
    passes = [row for row in diff["passes"] if not row["same"]] if _measured(diff) else []
    if passes:
        heads = ["binding", "A", "B", "digest A", "digest B"]
        yield "passes that made something else", heads, [_pass(row) for row in passes]
    for title, key in (("parameters", "parameters"), ("environment", "environment")):
        if diff[key]:
            rows = [[row["name"], _plain(row["a"]), _plain(row["b"])] for row in diff[key]]
            yield title, ["name", "A", "B"], rows


def notes(diff: Row) -> list[str]:
    if not _measured(diff):
        return ["one of the two builds measured nothing"]
    beside = list(_beside(diff))
    alike = sum(row["change"] in ("same", NOT_SHOWN) for row in beside)
    found = [f"{alike} of {len(beside)} other values: the same, or {NOT_SHOWN}"] if beside else []
    same = sum(row["same"] for row in diff["passes"])
    found += [f"{same} of {len(diff['passes'])} passes made the same bytes"] if diff["passes"] else []
    if not diff["same_recipe"]:
        found.append(
            "the recipes have different names: what stands beside each other has the same name in both"
        )
    if any(row["change"] in OTHER for row in (*diff["bounds"], *beside)):
        found.append(OTHER_CONDITIONS)
    if not diff["same_machine"]:
        found.append(MACHINES_DIFFER)
    return [*found, NOTE]


def _measured(diff: Row) -> bool:
    """Both builds got as far as measuring."""
    rows = [*diff["bounds"], *diff["values"]]
    return all(any(row[side] is not None for row in rows) for side in ("a", "b"))


def _beside(diff: Row) -> Iterator[Row]:
    """Values that no bound shows."""
    names = ("budget", "subject", "metric", "on", "reference")
    bounds = {tuple(row[name] for name in names) for row in diff["bounds"]}
    return (row for row in diff["values"] if tuple(row[name] for name in names) not in bounds)


def _heads(diff: Row) -> Iterator[str]:
    for side in ("a", "b"):
        build = diff[side]
        words = " ".join(diff["overrides"][side])
        where = f", {build['folder']}" if build.get("folder") else ""
        took = f", {human(build['seconds'], Dimension.time)}" if build.get("seconds") else ""
        yield (
            f"{side.upper()}: {build['recipe']} of {build['started'] or 'unknown time'}{took}: {build['verdict']}{where}"
            + (f" · {words}" if words else "")
        )


def _verdicts(diff: Row) -> str:
    before, after = diff["a"]["verdict"], diff["b"]["verdict"]
    return after if before == after else f"{before} → {after}"


def _bound(row: Row) -> list[str]:
    known = row["b"] or row["a"]
    limits = list(dict.fromkeys(side["limit_raw"] for side in (row["a"], row["b"]) if side))
    verdicts = [MARK[side["verdict"]] if side else "–" for side in (row["a"], row["b"])]
    verdict = verdicts[0] if verdicts[0] == verdicts[1] else " → ".join(verdicts)
    name = known["text"].replace(f" {known['operator']} {known['limit_raw']}", "")
    limit = f"{known['operator']} {' → '.join(limits)}"
    return [name, *_sides(row), _ratio(row), _sign(row), limit, verdict]


def _value(row: Row) -> list[str]:
    name = row["metric"] + (f" on {row['on']}" if row["on"] else "")
    name += f" under {row['scenario']}" if row["scenario"] else ""
    return [name, row["subject"], *_sides(row), _ratio(row), _sign(row)]


def _sides(row: Row) -> Iterator[str]:
    for side in (row["a"], row["b"]):
        if side is None:
            yield "–"
            continue
        bound = {"metric": row["metric"], "interval": side["interval"]}
        text = value_text(bound, side["value"])
        between = short_interval(bound)
        predicted = ", predicted" if side["basis"] == "predicted" else ""
        yield text if between in ("exact", "–") else f"{text} [{between}]{predicted}"


def _ratio(row: Row) -> str:
    """`102.1% [100.3% … 104.0%]`."""
    if row["ratio"] is None:
        return "–"
    low, high = row["ratio_interval"]
    text = f"{row['ratio'] * 100:.1f}%"
    if low is None or high is None or low == high:
        return text
    return f"{text} [{low * 100:.1f} … {high * 100:.1f}]"


def _artifact(row: Row) -> list[str]:
    sizes = [side["size_bytes"] if side else None for side in (row["a"], row["b"])]
    ratio = f"{sizes[1] / sizes[0] * 100:.1f}%" if sizes[0] and sizes[1] is not None else "–"
    texts = ["–" if size is None else human(size, Dimension.bytes, 4) for size in sizes]
    return [row["binding"], *texts, ratio, "the same bytes" if row["same"] else ""]


def _pass(row: Row) -> list[str]:
    texts, digests = [], []
    for side in (row["a"], row["b"]):
        took = "–" if side is None or side["seconds"] is None else human(side["seconds"], Dimension.time)
        texts.append(f"{took} (cached)" if side and side["cached"] else took)
        digests.append((side["digest"] or "–")[:12] if side else "–")
    return [row["name"], *texts, *digests]


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _sign(row: Row) -> str:
    change: str = row["change"]
    return _SIGN.get(change, change)


def _style(cell: str) -> str:
    return {"better": "green", "WORSE": "bold red"}.get(cell, "")
