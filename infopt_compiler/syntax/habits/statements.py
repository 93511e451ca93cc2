"""Habits in statements: groups, names, sources, ranges of data."""

from __future__ import annotations

import re

from infopt_compiler.syntax.habits.row import NAME, VALUE, Habit, Words


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


def _field(words: Words) -> str:
    what = "the block" if words["at"] == "{" else "it"
    override = f"{words['word']}.{words['field'] or 'FIELD'}={words['value'] or 'VALUE'}"
    return f"leave {what} out, and build with " + (f"`'{override}'`" if " " in override else f"`{override}`")


STATEMENTS: tuple[Habit, ...] = (
    Habit(
        "E0109",
        "statement",
        rf"^\s*(?P<word>target|measure|engine)\s*(?P<at>:=|==?|:)\s*\"?(?P<name>{NAME})",
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
        "",
        rf"^\s*(?P<word>target|measure|engine)\s*(?P<at>\()\s*\"?(?P<name>{NAME})\"?\s*\)?",
        "`{word}` is followed by a name, without brackets",
        "write `{word} {name}`",
        (("target(cpu)", "write `target cpu`"), ('measure("quick")', "write `measure quick`")),
    ),
    Habit(
        "E0109",
        "statement",
        r"^\s*scenario\s*(?P<at>\{)",
        "the name of the scenario is missing before `{at}`",
        "write for example `scenario assistant {at}`",
        (("scenario { batch = 1 }", "write for example `scenario assistant {`"),),
    ),
    Habit(
        "E0109",
        "statement",
        rf"^\s*(?P<word>target|measure|engine)\s+(?P<at>\"(?P<name>{NAME})\")",
        "`{word}` is followed by a name without quotes",
        "write `{word} {name}`",
        (('target "cpu"', "write `target cpu`"), ('measure "quick"', "write `measure quick`")),
    ),
    Habit(
        "E0109",
        "statement",
        rf"^\s*budget\s+(?P<at>under|as|at)\s+(?P<name>{NAME}|\d+%)",
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
        rf"^\s*(?P<word>budget|scenario|model|data|let)\s+(?P<at>\"(?P<name>{NAME})\")",
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
        rf"^\s*budget\s+(?P<subject>{NAME})\s*(?P<at>for|with|on|in|using|scenario|\()\s*(?P<name>{NAME})",
        "a budget names its scenario by `under`",
        "write `budget {subject} under {name} {{`",
        (
            ("budget a for b { size <= 1 MB }", "write `budget a under b {`"),
            ("budget a(b) { size <= 1 MB }", "write `budget a under b {`"),
        ),
    ),
    Habit(
        "E0100",
        "statement",
        rf"^\s*(?P<word>target|measure|engine)\s+{NAME}\s*(?P<at>\{{)\s*(?:(?P<field>{NAME})\s*[=:]\s*(?P<value>{VALUE}))?",
        "`{word}` chooses an option; its fields are set on the command line",
        _field,
        (
            (
                "measure quick { seconds = 5 s }",
                "leave the block out, and build with `'measure.seconds=5 s'`",
            ),
            ("target cpu { memory = 8 GB }", "leave the block out, and build with `'target.memory=8 GB'`"),
        ),
    ),
    Habit(
        "E0100",
        "statement",
        rf"^\s*(?P<at>(?P<word>target|measure|engine)\.(?P<field>{NAME}))(?:\s*[=:]\s*(?P<value>{VALUE}))?",
        "`{at}` is set on the command line",
        _field,
        (("measure.seconds = 5 s", "leave it out, and build with `'measure.seconds=5 s'`"),),
    ),
    Habit(
        "E0110",
        "statement",
        rf"^\s*(?P<word>model|data)\s+(?P<name>{NAME})\s*=\s*(?P<at>[A-Za-z.~/][\w.~-]*[/:=][^\s\[{{,]*)",
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
        rf"^\s*data\s+{NAME}\s*=\s*(?P<source>{NAME}|\"[^\"\n]*\")\s*(?P<at>[\[(][^\])\n]*[\])]?)",
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
        "E0106",
        "statement",
        rf"^\s*(?P<name>(?:(?:model|data|let)\s+)?{NAME})\s*(?P<at>:=|==|=>|->|:)\s*(?P<value>{VALUE})?",
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
        "E0120",
        "statement",
        rf"^\s*(?P<at>def|var|const|val|set|export|pass|step|fn|func)\s+(?P<name>{NAME})\s*=",
        "no statement begins with `{at}`",
        "leave it out: `{name} = PASS(...)`, or `let {name} = VALUE`",
        (("var q = quantize(a)", "leave it out: `q = PASS(...)`, or `let q = VALUE`"),),
    ),
)
