"""The table of habits: what people write by habit of other languages, and the line as it is written here.

A row is a pattern for the text around the place where the parser fails, with its strings emptied. The tests check each
example against the same table: one mistake, at `at`, with that help.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from infopt_compiler.diagnostics import Diagnostic, Input, Span, error
from infopt_compiler.metrics import METRICS, Direction
from infopt_compiler.syntax.chunks import unclosed, without_quiet
from infopt_compiler.syntax.words import find_metric

Words = dict[str, str]


@dataclass(frozen=True)
class Habit:
    """`pattern` covers the failure; its groups fill `message` and `help`, `at` is what the caret stands under.

    `inside` is where it is looked for: "bounds", "settings" (of any other bracket), "statement", or "" for anywhere;
    `examples` are texts and the help that each gets.
    """

    code: str
    inside: str
    pattern: str
    message: str
    help: str | Callable[[Words], str]
    examples: tuple[tuple[str, str], ...]


def _bound(words: Words) -> str:
    """The bound with the operator that its metric needs."""
    metric = METRICS.get(words["name"]) or METRICS.get(words["name"].rpartition(".")[0])
    operator = ">=" if metric is not None and metric.direction is Direction.higher else "<="
    return f"write `{words['name']} {operator} {words['value'] or 'LIMIT'}`"


def _mirrored(words: Words) -> str:
    operator = words["at"].translate(str.maketrans("<>", "><"))
    return f"write `{words['name']} {operator} {words['value']}`"


def _range(words: Words) -> str:
    """`[0% .. 60%]` from whatever stands between the brackets."""
    shares = [_share(part) for part in re.split(r"\.\.+|:|,|\bto\b|-", words["at"].strip("[]() \t"))]
    start, stop = (shares[0] or "0%", shares[-1] or "100%") if len(shares) > 1 else ("0%", shares[0] or "60%")
    return f"write `{words['source']}[{start} .. {stop}]`"


def _share(text: str) -> str:
    text = text.strip()
    if not re.fullmatch(r"\d+(?:\.\d+)?%?", text):
        return ""
    value = float(text.rstrip("%"))
    is_part = not text.endswith("%") and value <= 1
    return f"{value * 100 if is_part else value:g}%"


def _metric(words: Words) -> str:
    return f"write `{find_metric(words['at']) or 'ttft.p95'}`"


_NAME = r"[A-Za-z_][\w-]*"
_VALUE = r"(?:\"[^\"\n]*\"|\[[^\]\n]*\]|[-+]?[\w.%/]+(?:[ \t]+[A-Za-z][\w/]*(?=[ \t]*(?:$|[,)}])))?)"

HABITS: tuple[Habit, ...] = (
    Habit(
        "E0109",
        "statement",
        rf"^\s*(?P<word>target|measure|engine)\s*(?P<at>:=|==?|:)\s*\"?(?P<name>{_NAME})",
        "`{word}` is followed by a name, without `{at}`",
        "write `{word} {name}`",
        (
            ("target = cpu", "write `target cpu`"),
            ("measure = quick", "write `measure quick`"),
            ("engine: local", "write `engine local`"),
            ('target = "cpu"', "write `target cpu`"),
        ),
    ),
    Habit(
        "E0109",
        "statement",
        rf"^\s*(?P<word>target|measure|engine)\s+(?P<at>\"(?P<name>{_NAME})\")",
        "`{word}` is followed by a name without quotes",
        "write `{word} {name}`",
        (('target "cpu"', "write `target cpu`"), ('measure "quick"', "write `measure quick`")),
    ),
    Habit(
        "E0109",
        "statement",
        rf"^\s*budget\s+(?P<at>under|as|at)\s+(?P<name>{_NAME}|\d+%)",
        "the name of what the budget is of is missing before `{at}`",
        "write `budget NAME {at} {name} {{`: NAME is the result of `export` or `tune`",
        (
            (
                "budget under b { size <= 1 MB }",
                "write `budget NAME under b {`: NAME is the result of `export` or `tune`",
            ),
            (
                "budget as r { size <= 1 MB }",
                "write `budget NAME as r {`: NAME is the result of `export` or `tune`",
            ),
        ),
    ),
    Habit(
        "E0109",
        "statement",
        rf"^\s*(?P<word>budget|scenario|model|data|let)\s+(?P<at>\"(?P<name>{_NAME})\")",
        "names have no quotes",
        "write `{word} {name}`",
        (
            ('budget "a" { size <= 1 MB }', "write `budget a`"),
            ('scenario "a" { batch = 1 }', "write `scenario a`"),
            ('model "a" = "file:x"', "write `model a`"),
        ),
    ),
    Habit(
        "E0109",
        "statement",
        r"^\s*budget\s*(?P<at>\{)",
        "the name of what the budget is of is missing before `{at}`",
        "write `budget NAME {at}`: NAME is the result of `export` or `tune`",
        (("budget { size <= 1 MB }", "write `budget NAME {`: NAME is the result of `export` or `tune`"),),
    ),
    Habit(
        "E0115",
        "statement",
        r"^\s*(?P<word>budget|scenario)\s[^{\n]*?(?P<at>[:=])\s*\{",
        "nothing stands between the name and `{{`",
        "leave `{at}` out",
        (
            ("scenario a = { batch = 1 }", "leave `=` out"),
            ("budget a under b: { size <= 1 MB }", "leave `:` out"),
        ),
    ),
    Habit(
        "E0115",
        "statement",
        r"^\s*budget\s[^{\n]*?(?P<at>,)[^{\n]*\{",
        "no comma stands before `{{`",
        "write for example `budget chat as rag under assistant {{`",
        (
            (
                "budget a, under b { size <= 1 MB }",
                "write for example `budget chat as rag under assistant {`",
            ),
        ),
    ),
    Habit(
        "E0115",
        "statement",
        rf"^\s*budget\s+(?P<subject>{_NAME})\s*(?P<at>for|with|on|in|using|scenario|\()\s*(?P<name>{_NAME})",
        "a budget names its scenario by `under`",
        "write `budget {subject} under {name} {{`",
        (
            ("budget a for b { size <= 1 MB }", "write `budget a under b {`"),
            ("budget a(b) { size <= 1 MB }", "write `budget a under b {`"),
        ),
    ),
    Habit(
        "E0110",
        "statement",
        rf"^\s*(?P<word>model|data)\s+(?P<name>{_NAME})\s*=\s*(?P<at>[A-Za-z.~/][\w.~-]*[/:=][^\s\[{{,]*)",
        "a source is a quoted string",
        'write `{word} {name} = "{at}"`',
        (
            ("model a = file:models/tiny", 'write `model a = "file:models/tiny"`'),
            ("model a = hf:org/name@main", 'write `model a = "hf:org/name@main"`'),
            ("model a = ./tiny", 'write `model a = "./tiny"`'),
            ("data a = python:pydoc_data.topics", 'write `data a = "python:pydoc_data.topics"`'),
        ),
    ),
    Habit(
        "E0113",
        "",
        rf"^\s*data\s+{_NAME}\s*=\s*(?P<source>{_NAME}|\"[^\"\n]*\")\s*(?P<at>[\[(][^\])\n]*[\])]?)",
        "a range of data is written `[0% .. 60%]`",
        _range,
        (
            ("data a = b[0:60%]", "write `b[0% .. 60%]`"),
            ("data a = b[:60%]", "write `b[0% .. 60%]`"),
            ("data a = b[60%:]", "write `b[60% .. 100%]`"),
            ("data a = b[0%:50%]", "write `b[0% .. 50%]`"),
            ("data a = b[0% - 60%]", "write `b[0% .. 60%]`"),
            ("data a = b[0%-60%]", "write `b[0% .. 60%]`"),
            ("data a = b[0% to 60%]", "write `b[0% .. 60%]`"),
            ("data a = b[0%...60%]", "write `b[0% .. 60%]`"),
            ("data a = b[0.25:0.6]", "write `b[25% .. 60%]`"),
            ("data a = b[0%, 60%]", "write `b[0% .. 60%]`"),
            ("data a = b[60%]", "write `b[0% .. 60%]`"),
            ("data a = b(0% .. 60%)", "write `b[0% .. 60%]`"),
            ('data a = "file:x"[0:60%]', 'write `"file:x"[0% .. 60%]`'),
        ),
    ),
    Habit(
        "E0107",
        "bounds",
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<name>{_NAME}(?:\.{_NAME})*)\s*(?P<at>≤|=<|<[ \t]+=)",
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
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<name>{_NAME}(?:\.{_NAME})*)\s*(?P<at>≥|=>|>[ \t]+=)",
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
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<name>{_NAME}(?:\.{_NAME})*)\s*(?P<at>:=|==?|:)\s*(?P<value>{_VALUE})?",
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
        rf"(?:^|[{{,])\s*(?P<value>[\d.]+[ \t]*[A-Za-z%/]*)\s*(?P<at>[<>]=?)\s*(?P<name>{_NAME}(?:\.{_NAME})*)",
        "the metric stands in front of the operator",
        _mirrored,
        (
            ("budget a { 1 MB >= size }", "write `size <= 1 MB`"),
            ("budget a { 80 tok/s < throughput }", "write `throughput > 80 tok/s`"),
        ),
    ),
    Habit(
        "E0125",
        "bounds",
        rf"(?:^|[{{,])\s*(?:warn\s+)?(?P<at>{_NAME}(?:[.@:]\d+|[@:]{_NAME}|\[\s*\w+\s*\]|\(\s*[\w.]+\s*\)))(?=\s*[<>=])",
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
        "E0106",
        "settings",
        rf"(?P<name>{_NAME})\s*(?P<at>:=|==|=>|->|:)\s*(?P<value>{_VALUE})?",
        "a value is given by `=`, not by `{at}`",
        "write `{name} = {value}`",
        (
            ("a = p(bits: 4)", "write `bits = 4`"),
            ("a = p(bits := 4)", "write `bits = 4`"),
            ("a = p(bits == 4)", "write `bits = 4`"),
            ("a = p(b, bits: 4, c = 1)", "write `bits = 4`"),
            ("a = p(format -> onnx)", "write `format = onnx`"),
            ("scenario a { prompt: 32 tokens }", "write `prompt = 32 tokens`"),
            ('data a = "x" { field: "text" }', 'write `field = "text"`'),
        ),
    ),
    Habit(
        "E0106",
        "statement",
        rf"^\s*(?P<name>(?:(?:model|data|let)\s+)?{_NAME})\s*(?P<at>:=|==|=>|->|:)\s*(?P<value>{_VALUE})?",
        "a value is given by `=`, not by `{at}`",
        "write `{name} = {value}`",
        (
            ("q := quantize(a)", "write `q = quantize`"),
            ("q: quantize(a)", "write `q = quantize`"),
            ('model a: "file:x"', 'write `model a = "file:x"`'),
            ("let a := 4 ms", "write `let a = 4 ms`"),
        ),
    ),
    Habit(
        "E0106",
        "settings",
        rf"(?<!\w)--?(?P<name>{_NAME})[ \t=]+(?P<at>{_VALUE})",
        "parameters are given by name, without dashes",
        "write `{name} = {at}`",
        (("a = p(--bits 4)", "write `bits = 4`"), ("a = p(b, --bits=4)", "write `bits = 4`")),
    ),
    Habit(
        "E0106",
        "settings",
        rf"(?:^|[({{,])\s*(?P<name>{_NAME})[ \t]+(?P<at>[-+]?[\d.]+[\w%]*(?:[ \t]+[A-Za-z][\w/]*)?|\"[^\"\n]*\"|\[[^\]\n]*\])",
        "`=` is missing before `{at}`",
        "write `{name} = {at}`",
        (
            ("a = p(bits 4)", "write `bits = 4`"),
            ("a = p(b, group = 1, bits 4)", "write `bits = 4`"),
            ("scenario a { prompt 32 tokens }", "write `prompt = 32 tokens`"),
            ('data a = "x" { field "text" }', 'write `field = "text"`'),
        ),
    ),
    Habit(
        "E0106",
        "settings",
        rf"=[^=(){{}}\n]*,\s*(?P<name>{_NAME})[ \t]+(?P<at>{_NAME})(?=\s*[,)}}])",
        "`=` is missing before `{at}`",
        "write `{name} = {at}`",
        (("a = p(b, bits = 4, method gptq)", "write `method = gptq`"),),
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
        "E0105",
        "",
        r",\s*(?P<at>,)",
        "a value is missing before `,`",
        "leave one comma out",
        (
            ("a = p(b,, c = 1)", "leave one comma out"),
            ("scenario a { b = 1,, c = 1 }", "leave one comma out"),
            ("budget a { size <= 1 MB,, tpot.p50 <= 1 ms }", "leave one comma out"),
        ),
    ),
    Habit(
        "E0106",
        "settings",
        rf"(?P<name>{_NAME})(?P<at>\((?P<value>[-+]?[\d.]+[ \t]*[\w%/]*|\"[^\"\n]*\")\))",
        "a value is given by `=`, not in brackets",
        "write `{name} = {value}`",
        (("a = p(b, bits(4))", "write `bits = 4`"), ("scenario a { batch(1) }", "write `batch = 1`")),
    ),
    Habit(
        "E0118",
        "",
        r"(?P<number>\d+)(?P<at>-bits?)\b",
        "a number stands without `{at}`",
        "write `{number}`",
        (("a = p(bits = 4-bit)", "write `4`"),),
    ),
    Habit(
        "E0101",
        "settings",
        r"[<>]=?[^,()]*\s(?P<at>on|of|vs|at)\s*=",
        "a comma is missing before `{at}`",
        "settings and arguments are separated by commas",
        (("a = p(b = size <= 1 MB\n on = c)", "settings and arguments are separated by commas"),),
    ),
    Habit(
        "E0109",
        "bounds",
        rf"\b(?P<at>on|of|vs)[ \t]*\n\s*(?:warn\s+)?{_NAME}(?:\.{_NAME})*\s*[<>]",
        "a name is missing behind `{at}`",
        "write for example `perplexity <= 105% of base on heldout`",
        (
            (
                "budget a { perplexity <= 3 on\n size <= 1 MB }",
                "write for example `perplexity <= 105% of base on heldout`",
            ),
        ),
    ),
    Habit(
        "E0120",
        "statement",
        rf"^\s*(?P<at>def|var|const|val|set|export|pass|step|fn|func)\s+(?P<name>{_NAME})\s*=",
        "no statement begins with `{at}`",
        "leave it out: `{name} = PASS(...)`, or `let {name} = VALUE`",
        (("var q = quantize(a)", "leave it out: `q = PASS(...)`, or `let q = VALUE`"),),
    ),
)
_PATTERNS = tuple((habit, re.compile(habit.pattern, re.MULTILINE)) for habit in HABITS)


def find_habit(input: Input, base: int, text: str, at: int) -> Diagnostic | None:
    """What is said of the text around the failure at `at`, where it is a habit of the table."""
    plain = without_quiet(text)
    inside, opening = _inside(plain, at)
    start = max(opening, _line_before(plain, at))
    for habit, pattern in _PATTERNS:
        if habit.inside not in ("", inside):
            continue
        for match in pattern.finditer(plain, start if habit.inside else 0):
            if match.start() > at:
                break
            if at <= match.end():
                return _told(habit, match, input, base, text)
    return None


def _told(habit: Habit, match: re.Match[str], input: Input, base: int, text: str) -> Diagnostic:
    words = {name: text[match.start(name) : match.end(name)] for name in match.groupdict() if match[name]}
    words = {name: words.get(name, "") for name in match.groupdict()}
    span = Span(input, base + match.start("at"), base + match.end("at"))
    help = habit.help.format(**words) if isinstance(habit.help, str) else habit.help(words)
    return error(habit.code, habit.message.format(**words), span, help=help)


def _inside(plain: str, at: int) -> tuple[str, int]:
    """In what kind of bracket the place lies, and where that begins."""
    still_open = unclosed(plain[:at])
    if not still_open:
        return "statement", 0
    opening = still_open[-1]
    return ("bounds" if plain[opening] == "{" and _BUDGET.match(plain) else "settings"), opening


_BUDGET = re.compile(r"\s*budget\b")


def _line_before(plain: str, at: int) -> int:
    """Where the line before the one of `at` begins: what is missing at a line's end shows on the next."""
    return plain.rfind("\n", 0, max(0, plain.rfind("\n", 0, at))) + 1
