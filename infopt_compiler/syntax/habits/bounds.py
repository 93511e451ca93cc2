"""Habits in the bounds of a budget."""

from __future__ import annotations

from infopt_compiler.metrics import METRICS, Direction
from infopt_compiler.syntax.habits.row import NAME, VALUE, Habit, Words
from infopt_compiler.syntax.words import find_metric


def _bound(words: Words) -> str:
    """The bound with the operator that its metric needs."""
    metric = METRICS.get(words["name"]) or METRICS.get(words["name"].rpartition(".")[0])
    operator = ">=" if metric is not None and metric.direction is Direction.higher else "<="
    return f"write `{words['name']} {operator} {words['value'] or 'LIMIT'}`"


def _mirrored(words: Words) -> str:
    operator = words["at"].translate(str.maketrans("<>", "><"))
    first = f"`{words['name']} {operator} {words['value']}`"
    second = f" and `{words['name']} {words['also']} {words['limit']}`, two bounds" if words["limit"] else ""
    return f"write {first}{second}"


def _metric(words: Words) -> str:
    return f"write `{find_metric(words['at']) or 'ttft.p95'}`"


BOUNDS: tuple[Habit, ...] = (
    Habit(
        "E0107",
        "bounds",
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<name>{NAME}(?:\.{NAME})*)\s*(?P<at>≤|=<|<[ \t]+=)",
        "`{at}` is no operator",
        "write `<=`",
        (
            ("budget a { size ≤ 1 MB }", "write `<=`"),
            ("budget a { size =< 1 MB }", "write `<=`"),
            ("budget a { size < = 1 MB }", "write `<=`"),
        ),
    ),
    Habit(
        "E0107",
        "bounds",
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<name>{NAME}(?:\.{NAME})*)\s*(?P<at>≥|=>|>[ \t]+=)",
        "`{at}` is no operator",
        "write `>=`",
        (
            ("budget a { throughput ≥ 1 tok/s }", "write `>=`"),
            ("budget a { throughput => 1 tok/s }", "write `>=`"),
        ),
    ),
    Habit(
        "E0107",
        "bounds",
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<name>{NAME}(?:\.{NAME})*)\s*(?P<at>:=|==?|:)\s*(?P<value>{VALUE})?",
        "a bound compares with `<=`, `<`, `>=` or `>`, not with `{at}`",
        _bound,
        (
            ("budget a { size: 1 MB }", "write `size <= 1 MB`"),
            ("budget a { size = 1 MB }", "write `size <= 1 MB`"),
            ("budget a { size == 1 MB }", "write `size <= 1 MB`"),
            ("budget a { throughput = 80 tok/s }", "write `throughput >= 80 tok/s`"),
            ("budget a { ttft.p95: 1 s, size <= 1 MB }", "write `ttft.p95 <= 1 s`"),
        ),
    ),
    Habit(
        "E0107",
        "bounds",
        rf"(?:^|[{{,])\s*(?P<value>[\d.]+[ \t]*[A-Za-z%/]*)\s*(?P<at>[<>]=?)\s*(?P<name>{NAME}(?:\.{NAME})*)"
        r"(?:[ \t]*(?P<also>[<>]=?)[ \t]*(?P<limit>[\d.]+[ \t]*[A-Za-z%/]*))?",
        "the metric stands in front of the operator",
        _mirrored,
        (
            ("budget a { 1 MB >= size }", "write `size <= 1 MB`"),
            ("budget a { 80 tok/s < throughput }", "write `throughput > 80 tok/s`"),
            (
                "budget a { 10 MB <= size <= 115 MB }",
                "write `size >= 10 MB` and `size <= 115 MB`, two bounds",
            ),
        ),
    ),
    Habit(
        "E0125",
        "bounds",
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<at>{NAME}(?:[.@:]\d+|[@:]{NAME}|\[\s*\w+\s*\]|\(\s*[\w.]+\s*\)))(?=\s*[<>=])",
        "a metric and its aggregate are written with a point between them",
        _metric,
        (
            ("budget a { ttft[p95] <= 1 s }", "write `ttft.p95`"),
            ("budget a { p95(ttft) <= 1 s }", "write `ttft.p95`"),
            ("budget a { ttft@p95 <= 1 s }", "write `ttft.p95`"),
            ("budget a { ttft.95 <= 1 s }", "write `ttft.p95`"),
            ("budget a { mean(latency) <= 1 s }", "write `latency.mean`"),
        ),
    ),
    Habit(
        "E0125",
        "bounds",
        rf"(?P<name>{NAME})\.(?P<nines>p\d+)(?P<at>\.\d+)(?=\s*[<>=])",
        "percentiles are whole: `{name}.{nines}` has no `{at}`",
        "write `{name}.{nines}`",
        (("budget a { ttft.p99.9 <= 1 s }", "write `ttft.p99`"),),
    ),
    Habit(
        "E0100",
        "bounds",
        r"[<>]=?[^\n,}]*?[\w%][ \t]+(?P<at>error|errors|fail|fails|required|hard|soft|warning|must|strict|optional)[ \t,]*(?:$\s*|\})",
        "`{at}` says nothing here",
        "a missed bound fails the build; with `warn` in front of it, it is only reported",
        (
            (
                "budget a {\n size <= 1 MB error\n tpot.p50 <= 1 ms\n}",
                "a missed bound fails the build; with `warn` in front of it, it is only reported",
            ),
        ),
    ),
    Habit(
        "E0109",
        "bounds",
        rf"\b(?P<at>on|of|vs)[ \t]*\n\s*(?:warn\s+)?{NAME}(?:\.{NAME})*\s*[<>]",
        "a name is missing behind `{at}`",
        "write for example `perplexity <= 105% of base on heldout`",
        (
            (
                "budget a { perplexity <= 3 on\n size <= 1 MB }",
                "write for example `perplexity <= 105% of base on heldout`",
            ),
        ),
    ),
)
