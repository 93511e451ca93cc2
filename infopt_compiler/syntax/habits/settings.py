"""Habits in settings and arguments."""

from __future__ import annotations

from infopt_compiler.syntax.habits.row import NAME, VALUE, Habit

SETTINGS: tuple[Habit, ...] = (
    Habit(
        "E0106",
        "settings",
        rf"(?P<name>{NAME})\s*(?P<at>:=|==|=>|->|:)\s*(?P<value>{VALUE})?",
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
        "settings",
        rf"(?<!\w)--?(?P<name>{NAME})[ \t=]+(?P<at>{VALUE})",
        "parameters are given by name, without dashes",
        "write `{name} = {at}`",
        (("a = p(--bits 4)", "write `bits = 4`"), ("a = p(b, --bits=4)", "write `bits = 4`")),
    ),
    Habit(
        "E0106",
        "settings",
        rf"(?:^|[({{,])\s*(?P<name>{NAME})[ \t]+(?P<at>[-+]?[\d.]+[\w%]*(?:[ \t]+[A-Za-z][\w/]*)?|\"[^\"\n]*\"|\[[^\]\n]*\])",
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
        rf"=[^=(){{}}\n]*,\s*(?P<name>{NAME})[ \t]+(?P<at>{NAME})(?=\s*[,)}}])",
        "`=` is missing before `{at}`",
        "write `{name} = {at}`",
        (("a = p(b, bits = 4, method gptq)", "write `method = gptq`"),),
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
        rf"(?P<name>{NAME})(?P<at>\((?P<value>[-+]?[\d.]+[ \t]*[\w%/]*|\"[^\"\n]*\")\))",
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
)
