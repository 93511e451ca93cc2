"""E01xx: what a recipe's text must look like."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

SYNTAX: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0100",
        "unexpected text",
        "The text cannot go on like this; the message says what could have stood there. After a mistake the parser goes on "
        "at the next statement, and inside a block at the next line.",
    ),
    CodeInfo(
        "E0101",
        "missing comma",
        "Settings in `{...}` and arguments in `(...)` are separated by commas, also at the end of a line; a comma after the "
        "last one is allowed. Only between the bounds of a budget are commas optional.",
    ),
    CodeInfo(
        "E0102",
        "bracket never closed",
        "The caret stands under the bracket that has no partner before the next statement begins. Close it, or remove it.",
    ),
    CodeInfo(
        "E0103",
        "string not written right",
        'Strings stand in double quotes and end on the line on which they begin: `"file:models/tiny"`. On the command line '
        "single quotes around a whole value are fine, because a shell takes the double ones away.",
    ),
    CodeInfo(
        "E0104",
        "unknown escape in a string",
        'In a string a backslash stands before `\\`, `"`, `/`, `b`, `f`, `n`, `r`, `t` or `uXXXX`, as in JSON. '
        "A backslash itself is written `\\\\`.",
    ),
    CodeInfo(
        "E0105",
        "missing value",
        "Behind `=` stands a value: a number with its unit, a word, a string or a list.",
    ),
    CodeInfo(
        "E0106", "missing `=`", "Names get their values by `=`: `model base = ...`, `window = 512 tokens`."
    ),
    CodeInfo(
        "E0107",
        "bound without comparison",
        "A line of a budget compares a metric with a limit: `ttft.p95 <= 600 ms`. The operators are `<=`, `<`, `>=` and `>`; "
        "`=` and `==` are none, since no measured value equals a limit.",
    ),
    CodeInfo(
        "E0108",
        "bound without limit",
        "Behind the operator of a bound stands a number with its unit, or a `let`.",
    ),
    CodeInfo(
        "E0109",
        "missing name",
        "The statement or clause names something, and the name is missing or is no name.",
    ),
    CodeInfo(
        "E0110",
        "source without quotes",
        'A source is a string: `model base = "hf:org/name@revision"`. Only `data` may name other data instead: '
        "`data calib = prose[0% .. 60%]`.",
    ),
    CodeInfo(
        "E0111",
        "foreign character",
        "The character has no meaning in a recipe outside strings and comments. Statements end with their line, comments "
        "begin with `#`.",
    ),
    CodeInfo(
        "E0112",
        "statement of a later version",
        "`search` and `use` are words of the language whose statements this version does not carry out, so they are refused "
        "and not ignored.",
    ),
    CodeInfo(
        "E0113",
        "range not written right",
        "A range of data is two shares of its characters with two points between them: `prose[0% .. 60%]`.",
    ),
    CodeInfo(
        "E0114",
        "binding without a call",
        "`NAME = PASS(...)` binds the result of a pass. Plain values are bound by `let NAME = value`, models and data by "
        "`model` and `data`.",
    ),
    CodeInfo(
        "E0115",
        "missing `{`",
        "`scenario` and `budget` have a block: `scenario chat { prompt = 128 tokens }`.",
    ),
    CodeInfo(
        "E0116",
        "closing bracket too many",
        "No bracket is open here. Remove it, or look for the missing opening one.",
    ),
    CodeInfo(
        "E0117",
        "nested call",
        "Every step of a recipe has a name, by which overrides, reports and the cache call it. So calls do not nest: bind "
        "the inner one first, `q = quantize(base)`, then use `q`.",
    ),
    CodeInfo(
        "E0118",
        "arithmetic",
        "A recipe holds values, not computations. `80 tok/s` is one number with its unit; write a quotient or sum as the "
        "number that it is.",
    ),
    CodeInfo("E0119", "clause given twice", "`of`, `on`, `vs`, `at`, `as` and `under` each stand once."),
    CodeInfo(
        "E0120",
        "no such statement",
        "Statements are `target`, `measure`, `engine`, `model`, `data`, `scenario`, `let`, `budget` and `name = pass(...)`.",
    ),
    CodeInfo(
        "E0121",
        "decimal comma",
        "Numbers have a decimal point: `1.5 ms`. A comma separates settings, arguments and bounds; digits are grouped by "
        "`_`: `1_000`.",
    ),
    CodeInfo(
        "E0122",
        "interpolation in a string",
        "`${...}` in a string would be resolved by the configuration library, which could read the environment. A recipe "
        "from a stranger must be safe to check and to plan, so it is refused everywhere.",
    ),
    CodeInfo(
        "E0123",
        "piece of a bound on another line",
        "A bound stands on one line: `warn size <= 110 MB`, `perplexity <= 105% of base on heldout`. A `warn` behind a bound, or a "
        "clause on the next line, would belong to the bound beside it as well, and `warn` takes the force of the one that it "
        "belongs to. So `warn` stands in front of its bound and the clauses behind it, all on its line.",
    ),
    CodeInfo(
        "E0124",
        "unit on another line",
        "A number and its unit are one word on one line: `512 tokens`.",
    ),
    CodeInfo(
        "E0125",
        "metric not written right",
        "A metric's aggregate stands behind a point: `ttft.p95`, `kl.mean`.",
    ),
)
