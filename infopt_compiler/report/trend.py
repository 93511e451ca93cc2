"""The history on the terminal: a line per bound with its trend, or a line per build of the bounds that are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from infopt_compiler.budget import finite
from infopt_compiler.history import Build, Figure
from infopt_compiler.metrics import METRICS, Needs, metric_of
from infopt_compiler.report.values import MARK, interval_text, limit_text, value_text

if TYPE_CHECKING:
    from rich.console import Console

_BARS = "▁▂▃▄▅▆▇█"
_WHOLE = {
    "": 1,
    "build": 16,
    "commit": 8,
    "value": 8,
    "trend": 5,
}  # columns that a narrow terminal does not cut
_LEGEND = "●: this kind of machine, ○: another; +: the commit with changes; trend: this kind of machine, oldest to newest"

Key = tuple[str, str, str, str | None, str | None, bool]
Point = tuple[Build, Figure]


def fits(figure: Figure, name: str) -> bool:
    """`tpot.p50`, or with its budget `chat.tpot.p50`."""
    return name in (figure.metric, f"{figure.budget}.{figure.metric}")


def series(builds: Sequence[Build], names: Sequence[str]) -> dict[Key, list[Point]]:
    """What was measured, oldest first: of the bounds, or of the values that `names` name, with or without a bound."""
    found: dict[Key, list[Point]] = {}
    for build in builds:
        for figure in build.figures:
            wanted = any(fits(figure, name) for name in names) if names else figure.operator is not None
            if wanted and not _is_double(build, figure):
                found.setdefault(_key(figure), []).append((build, figure))
    return found


def _key(figure: Figure) -> Key:
    own = figure.subject, figure.metric, figure.on, figure.reference
    return figure.budget, *own, figure.relative_to == "last"


def _is_double(build: Build, figure: Figure) -> bool:
    """A value that a bound of the same build shows."""
    return figure.operator is None and any(
        other.operator is not None and _key(other)[:5] == _key(figure)[:5] for other in build.figures
    )


def depends_on_machine(figure: Figure) -> bool:
    return METRICS[metric_of(figure.metric)].needs is Needs.scenario


def history_json(builds: Sequence[Build], names: Sequence[str], machine: str) -> dict[str, Any]:
    """The builds with their figures, values in base units; `machine` is the digest of this machine's identity."""
    kept = {id(figure) for points in series(builds, names).values() for _, figure in points}
    return {
        "machine": machine,
        "builds": [
            {
                **build.to_json(),
                "same_machine": build.machine == machine,
                "figures": [_plain(figure) for figure in build.figures if id(figure) in kept],
            }
            for build in builds
        ],
    }


def _plain(figure: Figure) -> dict[str, Any]:
    data = {key: value for key, value in figure.__dict__.items() if key not in ("low", "high", "spread")}
    interval = [None, None] if figure.low is None and figure.high is None else _ends(figure)
    return {**data, "interval": interval}


def _ends(figure: Figure) -> list[float | None]:
    low, high = figure.low, figure.high
    return finite(float("-inf") if low is None else low, float("inf") if high is None else high)


def show_history(builds: Sequence[Build], names: Sequence[str], machine: str, console: Console) -> None:
    found = series(builds, names)
    if not names:
        newest = f"the newest of {when(builds[-1])} ({commit(builds[-1])})"
        console.print(f"{builds[-1].recipe}: {len(builds)} builds, {newest}", markup=False, soft_wrap=True)
        console.print(_table_of_bounds(found, machine))
    for points in found.values() if names else ():
        console.print(f"{points[-1][1].budget}: {_name(points[-1][1])}", markup=False, soft_wrap=True)
        console.print(_table_of_builds(points, machine))
        if trend := sparkline(comparable(points, points[-1][0], machine)):
            console.print(f"trend {trend}", markup=False)
    console.print(_LEGEND, style="dim", markup=False, soft_wrap=True)


def _name(figure: Figure) -> str:
    return figure.name + (" of last" if figure.relative_to == "last" else "")


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    right = ("value", "interval", "limit", "change")
    for name in columns:
        justify: Any = "right" if name in right else "left"
        table.add_column(name, justify=justify, no_wrap=name in _WHOLE, min_width=_WHOLE.get(name))
    return table


def _table_of_bounds(found: dict[Key, list[Point]], machine: str) -> Any:
    from rich.text import Text

    table = _table("budget", "bound", "value", "change", "limit", "verdict", "trend")
    for points in found.values():
        build, newest = points[-1]
        row = _row(newest)
        table.add_row(
            newest.budget,
            Text(_name(newest)),
            value_text(row, newest.value),
            change(points, len(points) - 1),
            limit_text(row) if newest.operator else "",
            MARK[newest.verdict] if newest.verdict else "",
            sparkline(comparable(points, build, machine)),
        )
    return table


def _table_of_builds(points: list[Point], machine: str) -> Any:
    from rich.text import Text

    heads = ("", "build", "commit", "value", "interval", "change", "limit", "verdict", "overrides")
    table = _table(*heads)
    for index, (build, figure) in enumerate(points):
        row = _row(figure)
        table.add_row(
            "●" if build.machine == machine else "○",
            when(build),
            commit(build),
            value_text(row, figure.value),
            interval_text(row),
            change(points, index),
            limit_text(row) if figure.operator else "",
            MARK[figure.verdict] if figure.verdict else "",
            Text(" ".join(build.overrides)),
        )
    return table


def _row(figure: Figure) -> dict[str, Any]:
    """As `values` reads a bound of report.json."""
    return {
        "metric": figure.metric,
        "operator": figure.operator,
        "limit": figure.limit,
        "limit_raw": figure.limit_raw,
        "interval": [figure.low, figure.high],
    }


def when(build: Build) -> str:
    """The start, to the minute, as it is recorded (UTC)."""
    return build.started[:16].replace("T", " ")


def commit(build: Build) -> str:
    return "–" if build.commit is None else build.commit[:7] + ("+" if build.dirty else "")


def comparable(points: Sequence[Point], build: Build, machine: str) -> list[float]:
    """Values that one curve may join: measured, of the variant of `build`, and of this kind of machine where that matters."""
    return [
        figure.value
        for other, figure in points
        if figure.value is not None
        and figure.basis == "measured"
        and other.variant == build.variant
        and (other.machine == machine or not depends_on_machine(figure))
    ]


def change(points: Sequence[Point], index: int) -> str:
    """Against the build before on the same kind of machine: `+2.1%`, with `*` where the intervals do not overlap."""
    build, figure = points[index]
    earlier = [own for other, own in _before(points[:index], build, figure)]
    if not earlier or figure.value is None or (earlier[-1].value or 0.0) <= 0:
        return ""  # of a value that is not above zero there are no percent
    last = earlier[-1]
    text = f"{(figure.value / (last.value or 1.0) - 1) * 100:+.1f}%"
    ends = (figure.low, figure.high, last.low, last.high)
    if None in ends:
        return text
    low, high, last_low, last_high = (end for end in ends if end is not None)
    return text + ("*" if low > last_high or high < last_low else "")


def _before(points: Sequence[Point], build: Build, figure: Figure) -> Iterator[Point]:
    for other, own in points:
        same = other.machine == build.machine or not depends_on_machine(figure)
        alike = (own.conditions, own.basis) == (figure.conditions, figure.basis)
        if same and alike and other.variant == build.variant and own.value is not None:
            yield other, own


def sparkline(values: Sequence[float]) -> str:
    """A bar per value between the least and the greatest; nothing for fewer than two."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(_BARS[round((value - low) / step)] if step else _BARS[3] for value in values)
