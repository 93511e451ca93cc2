"""The tree of a recipe. Every node has its span; spans take no part in comparison, comments do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from infopt_compiler.diagnostics import Input, Span
from infopt_compiler.units import Quantity

NOWHERE = Span(Input("<none>", ""), 0, 0)


@dataclass(frozen=True, kw_only=True)
class Syntax:
    """Base of all nodes."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Trivia:
    """Comments around an entry: own lines `before` it (`""` is a blank line) and one behind it on its last line."""

    before: tuple[str, ...] = ()
    after: str = ""


@dataclass(frozen=True)
class Name(Syntax):
    """A name where a name must stand."""

    text: str


@dataclass(frozen=True)
class Word(Syntax):
    """A bare word as a value: an enum member, a `let` or a binding, as the place wants."""

    text: str


@dataclass(frozen=True)
class Loose(Word):
    """A bare word of the command line, where strings need no quotes: also a string where one is wanted."""


@dataclass(frozen=True)
class Number(Syntax):
    """A number, with its unit if it has one."""

    quantity: Quantity


@dataclass(frozen=True)
class Text(Syntax):
    """A quoted string, unescaped."""

    value: str


@dataclass(frozen=True)
class Invalid(Syntax):
    """A value that was reported already: whoever meets it says nothing more."""


@dataclass(frozen=True)
class Bound(Syntax):
    """`[warn] METRIC OP LIMIT [of B] [on DATA] [vs B] [at CONFIDENCE]`; also the value of a requirement."""

    metric: Name
    operator: str
    limit: Scalar
    of: Name | None = None
    on: Name | None = None
    vs: Name | None = None
    at: Scalar | None = None
    warn: bool = False
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class List(Syntax):
    """`[a, b]`."""

    items: tuple[Scalar | Bound, ...]


Scalar: TypeAlias = Number | Text | Word | Invalid
Value: TypeAlias = Scalar | List | Bound


@dataclass(frozen=True)
class Argument(Syntax):
    """`name = value` in a call, a scenario or the settings of data; positional in a call where `name` is None."""

    name: Name | None
    value: Value
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class Arguments(Syntax):
    """What stands in brackets; `opening` is the comment behind the bracket, `closing` the lines before its partner."""

    entries: tuple[Argument, ...]
    opening: str = ""
    closing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bounds(Syntax):
    """The lines of a budget."""

    entries: tuple[Bound, ...]
    opening: str = ""
    closing: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupChoice(Syntax):
    """`target cpu`, `measure quick`, `engine local`: an option of a Hydra group."""

    group: str
    option: Name
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class Model(Syntax):
    """`model NAME = "SOURCE"`."""

    name: Name
    source: Text | Invalid
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class Range(Syntax):
    """`[0% .. 60%]`."""

    start: Scalar
    stop: Scalar


@dataclass(frozen=True)
class Data(Syntax):
    """`data NAME = SOURCE [range] {settings}`; the source is a string, or the name of other data."""

    name: Name
    source: Text | Invalid | Name
    range: Range | None = None
    settings: Arguments | None = None
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class Scenario(Syntax):
    """`scenario NAME {settings}`."""

    name: Name
    settings: Arguments
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class Let(Syntax):
    """`let NAME = value`."""

    name: Name
    value: Value
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class Binding(Syntax):
    """`NAME = PASS(arguments)`."""

    name: Name
    call: Name
    arguments: Arguments
    trivia: Trivia = Trivia()


@dataclass(frozen=True)
class Budget(Syntax):
    """`budget SUBJECT [as ALIAS] [under SCENARIO] [at CONFIDENCE] {bounds}`."""

    subject: Name
    bounds: Bounds
    alias: Name | None = None
    under: Name | None = None
    at: Scalar | None = None
    trivia: Trivia = Trivia()

    @property
    def name(self) -> Name:
        return self.alias or self.subject


@dataclass(frozen=True)
class Broken(Syntax):
    """A statement that was reported and left out; `name` is what it would have bound, where that can be seen."""

    name: Name | None
    trivia: Trivia = Trivia()


Statement: TypeAlias = GroupChoice | Model | Data | Scenario | Let | Binding | Budget | Broken


@dataclass(frozen=True)
class Recipe(Syntax):
    """A whole file. `closing` holds the comments behind its last statement."""

    statements: tuple[Statement, ...]
    closing: tuple[str, ...] = ()
