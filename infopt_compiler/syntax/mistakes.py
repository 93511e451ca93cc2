"""The table of syntax mistakes: malformed examples, and what is said of every text that fails in the same way.

An example stands for the state of the parser and the kind of token at which it fails (as Lark's `match_examples`);
the tests parse each example and read the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from infopt_compiler.syntax.grammar import recipe_parser


@dataclass(frozen=True)
class Mistake:
    """`{found}` in `message` is what the parser met; `{v}` in an example stands for each kind of value."""

    code: str
    message: str
    help: str | None
    examples: tuple[str, ...]


_VALUES = ("1", "1 ms", '"s"', "x", "[1]")
_SCALARS = _VALUES[:-1]

MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "E0101",
        "a comma is missing before `{found}`",
        "settings and arguments are separated by commas",
        (
            "a = p({v} b = 1)",
            'a = p({v}\n "t")',
            "a = p({v}\n [1])",
            "a = p({v}\n 2)",
            "a = p(b = {v} c = 1)",
            'a = p(b = {v} "t")',
            "a = p(b = {v} [1])",
            "a = p(b = {v} 2)",
            "a = p(b = size <= 1 c = 1)",
            "a = p(b = size <= 1 MB c = 1)",
            "a = p(b = [x c])",
            'a = p(b = ["s" "t"])',
            "a = p(b = [1 2])",
            "scenario a { b = {s} c = 1 }",
        ),
    ),
    Mistake(
        "E0105",
        "a value is missing after `=`",
        "write for example `bits = 4` or `window = 512 tokens`",
        (
            "a = p(b = )",
            "a = p(b = , c = 1)",
            "let a =",
            "scenario a { b = }",
            "scenario a { b = , c = 1 }",
            "model a =",
            "data a =",
        ),
    ),
    Mistake(
        "E0106",
        "`=` is missing before `{found}`",
        None,
        (
            'model a "x"',
            "model a x",
            'data a "x"',
            "data a x",
            "data a [",
            "let a 1",
            'let a "x"',
            "let a x",
            "let a [1]",
            "scenario a { b 1 }",
            'scenario a { b "x" }',
            "scenario a { b x }",
            "a (b)",
        ),
    ),
    Mistake(
        "E0107",
        "a bound compares with `<=`, `<`, `>=` or `>`, not with `{found}`",
        "write for example `ttft.p95 <= 600 ms`",
        (
            "budget a { size 1 }",
            "budget a { size = 1 }",
            "budget a { size }",
            "budget a { size.b 1 }",
            "budget a { size.b = 1 }",
            "budget a { size.b }",
            "budget a { size x }",
            "budget a { size.b x }",
            "budget a { size, }",
            "a = p(b = size.x = 1)",
            "a = p(b = size.x 1)",
            "a = p(b = size = 1)",
        ),
    ),
    Mistake(
        "E0108",
        "the limit of the bound is missing",
        "write for example `size <= 110 MB`",
        (
            "budget a { size <= }",
            "budget a { size <= , }",
            "budget a { size <= = 1 }",
            "budget a { size <= <= 1 }",
            "a = p(b = size <= )",
            "a = p(b = size <= , c = 1)",
            "a = p(b = [size <= ])",
        ),
    ),
    Mistake(
        "E0109",
        "a name is missing before `{found}`",
        None,
        (
            'model = "x"',
            'model "x"',
            'data = "x"',
            'data "x"',
            "let = 1",
            "scenario { b = 1 }",
            "budget { size <= 1 }",
            'target "cpu"',
            "target = cpu",
            "measure = quick",
            "engine = local",
            'measure "quick"',
            'engine "local"',
            "target",
            "budget a as { size <= 1 }",
            "budget a under { size <= 1 }",
            "budget a { size <= 1 on }",
            "budget a { size <= 1 vs }",
            "budget a { size <= 1 of }",
            "model",
            "let",
            "budget",
        ),
    ),
    Mistake(
        "E0110",
        "a source is a quoted string, not `{found}`",
        'write for example `"file:models/tiny"` or `"pypi:package==1.0#path"`',
        ("model a = x", "model a = 1", "model a = [", "data a = 1", "data a = [1]"),
    ),
    Mistake(
        "E0113",
        "a range of data is written `[0% .. 60%]`",
        None,
        (
            "data a = b[0% 60%]",
            "data a = b[0%, 60%]",
            "data a = b[0%]",
            "data a = b[0% ..]",
            "data a = b[.. 60%]",
            "data a = b[]",
            "data a = b[0% = 1]",
            "data a = b[c 60%]",
            "data a = b[c, 60%]",
            "data a = b[c]",
        ),
    ),
    Mistake(
        "E0114",
        "a binding calls a pass; `{found}` does not",
        "write `q = quantize(base)`, or `let q = ...` for a value",
        ("a = ", "a = b", "a = 1", 'a = "x"', "a = [1]", "a = b = 1", "a = b c", "a = b {", "a = b, c"),
    ),
    Mistake(
        "E0115",
        "`{` is missing before `{found}`",
        "the block follows: `budget chat under assistant {`, `scenario assistant {`",
        (
            "budget a",
            "budget a under b",
            "budget a as b",
            "budget a size <= 1",
            "budget a under b size <= 1",
            "budget a as b size <= 1",
            "scenario a",
            "scenario a b = 1",
            "scenario a = 1",
            "budget a = 1",
            "budget a <= 1",
            "budget a (",
            "scenario a (",
        ),
    ),
    Mistake(
        "E0116",
        "`{found}` closes nothing",
        "remove it, or look for the bracket that it should close",
        (
            ")",
            "}",
            "]",
            "target a )",
            "target a }",
            'model a = "x" }',
            "a = p() )",
            "a = p() }",
            "a = p(b) )",
            "a = p(b) }",
            "a = p(b) ]",
            "let a = 1 }",
            "scenario a { b = 1 }}",
            "scenario a { b = 1, c = 2 }}",
            "scenario a { b = 1, }}",
            "scenario a { b = 1, c = 2, }}",
            "scenario a { }}",
            "budget a { }}",
            "budget a { size <= 1 }}",
            "budget a { size <= 1 })",
            "data a = b[0% .. 1%] }",
            'data a = "x" { b = 1 }}',
            "data a = b }",
            "a = p(b))",
            "a = p(b, c))",
            "a = p(b, c,))",
        ),
    ),
    Mistake(
        "E0117",
        "calls do not nest",
        "bind the inner call to a name first, and use the name",
        ("a = p(q(x))", "a = p(b = q(x))", "a = p(b = [q(x)])", "let a = q(x)"),
    ),
    Mistake(
        "E0120",
        "a statement does not begin like this",
        None,
        (
            'foo x = "y"',
            "foo x",
            'foo "x"',
            "foo { }",
            "foo 1",
            "foo",
            "foo, x",
            "foo <= 1",
            "foo.bar = 1",
            '"x"',
            "1",
            "= x",
            "{ }",
            "[1]",
            "(x)",
            "<= 1",
        ),
    ),
)


def kind_of(failure: UnexpectedInput) -> str:
    """The kind of token, or the character, at which the parser stopped; a keyword out of place is a name."""
    if isinstance(failure, UnexpectedToken):
        return "NAME" if str(failure.token).isidentifier() else str(failure.token.type)
    return str(failure.char) if isinstance(failure, UnexpectedCharacters) else "$END"


def places_of(failure: UnexpectedInput) -> list[tuple[tuple[int, ...], str]]:
    """The parser's last two states, then its last one alone, with the kind of token: what mistakes of a kind share.

    The state behind a value is the same wherever the value stands; only the state below it tells a range from a call.
    """
    stack = tuple(getattr(failure.state, "state_stack", ()))
    return [(stack[-2:], kind_of(failure)), (stack[-1:], kind_of(failure))]


def examples_of(mistake: Mistake) -> list[str]:
    """All malformed examples, with every kind of value filled in."""
    texts: list[str] = []
    for example in mistake.examples:
        values = _VALUES if "{v}" in example else _SCALARS if "{s}" in example else ("",)
        texts += [example.replace("{v}", value).replace("{s}", value) for value in values]
    return texts


@cache
def _places() -> dict[tuple[tuple[int, ...], str], Mistake]:
    places: dict[tuple[tuple[int, ...], str], Mistake] = {}
    for mistake in MISTAKES:
        for text in examples_of(mistake):
            try:
                recipe_parser().parse(text, start="start")
            except UnexpectedInput as failure:
                for place in places_of(failure):
                    places.setdefault(place, mistake)
    return places


def find_mistake(failure: UnexpectedInput) -> Mistake | None:
    """The row of the table whose examples fail like this one."""
    return next((_places()[place] for place in places_of(failure) if place in _places()), None)
