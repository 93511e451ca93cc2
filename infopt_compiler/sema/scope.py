"""Names: what each one is bound to, and from where it can be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from infopt_compiler.artifacts import Artifact, HFModel, TaskData, TextData
from infopt_compiler.diagnostics import Diagnostic, Note, did_you_mean, error
from infopt_compiler.sources import is_task
from infopt_compiler.syntax import ast

# Keys of a configuration and of overrides, and values. Words that only begin statements (`model`, `data`, `let`, `use`,
# `search`) may be bound.
_KEYS = ("target", "measure", "engine", "scenario", "budget", "hydra")
RESERVED = frozenset([*_KEYS, "defaults", "last", "true", "false"])


class Kind(str, Enum):
    """What a name is; the value is how messages call it."""

    model = "model"
    data = "data"
    scenario = "scenario"
    let = "let"
    node = "result of a pass"
    broken = "binding"


@dataclass
class Symbol:
    """A bound name. `artifact` is the kind of what it holds; None where that is unknown or no artifact."""

    name: ast.Name
    kind: Kind
    order: int
    artifact: type[Artifact] | None = None
    value: ast.Value | None = None
    used: bool = False

    @property
    def is_task(self) -> bool:
        return self.artifact is TaskData


_KINDS: dict[type[ast.Syntax], tuple[Kind, type[Artifact] | None]] = {
    ast.Model: (Kind.model, HFModel),
    ast.Data: (Kind.data, TextData),
    ast.Scenario: (Kind.scenario, None),
    ast.Let: (Kind.let, None),
    ast.Binding: (Kind.node, None),
    ast.Broken: (Kind.broken, None),
}


@dataclass
class Scope:
    """All names of a recipe, and the diagnostics found so far. `order` is the statement being checked."""

    symbols: dict[str, Symbol] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    order: int = 0

    def report(self, diagnostic: Diagnostic) -> None:
        self.found.append(diagnostic)

    def declare_all(self, statements: tuple[ast.Statement, ...]) -> None:
        """Bind every name of the recipe, so that a use before its binding can say so."""
        for order, statement in enumerate(statements):
            kind = _KINDS.get(type(statement))
            name = None if isinstance(statement, ast.Budget | ast.GroupChoice) else statement.name
            if kind is None or name is None:
                continue
            if isinstance(statement, ast.Broken) and (name.text in RESERVED or name.text in self.symbols):
                continue  # one report is enough
            if self._refused(name):
                continue
            value = statement.value if isinstance(statement, ast.Let) else None
            artifact = self._data(statement) if isinstance(statement, ast.Data) else kind[1]
            self.symbols[name.text] = Symbol(name, kind[0], order, artifact, value)

    def _data(self, data: ast.Data) -> type[Artifact]:
        """A text or a task; a slice is what it is cut from."""
        if isinstance(data.source, ast.Name):
            parent = self.symbols.get(data.source.text)
            return TaskData if parent is not None and parent.is_task else TextData
        task = isinstance(data.source, ast.Text) and is_task(data.source.value)
        return TaskData if task else TextData

    def _refused(self, name: ast.Name) -> bool:
        first = self.symbols.get(name.text)
        if first is not None:
            note = Note("it is bound first here", first.name.span)
            message = f"`{name.text}` is bound twice"
            self.report(error("E0202", message, name.span, notes=(note,), help="every name is bound once"))
        elif name.text in RESERVED:
            hint = f"overrides begin with it; {_OTHER}" if name.text in _KEYS else _OTHER
            self.report(error("E0204", f"`{name.text}` is a word of the language", name.span, help=hint))
        elif name.text.startswith("_"):
            self.report(error("E0204", f"`{name.text}` begins with an underscore", name.span, help=_OTHER))
        else:
            self.refuse_dash(name)
        return first is not None

    def refuse_dash(self, name: ast.Name) -> None:
        """Paths, files and shells take names apart at a dash, or for an option."""
        if "-" in name.text:
            hint = f"write `{name.text.replace('-', '_')}`"
            message = f"`{name.text}` has a dash: names are letters, digits and `_`"
            self.report(error("E0215", message, name.span, help=hint))

    def peek(self, name: str) -> Symbol | None:
        """The symbol, if it is bound before the statement that is being checked; nothing is reported."""
        symbol = self.symbols.get(name)
        return symbol if symbol is not None and symbol.order < self.order else None

    def find(self, name: ast.Name | ast.Word, *kinds: Kind) -> Symbol | None:
        """The symbol of a name that must be of one of `kinds`; None where that was reported or is broken."""
        symbol = self.symbols.get(name.text)
        if symbol is None:
            known = [s.name.text for s in self.symbols.values() if s.kind in kinds and s.order < self.order]
            message = f"`{name.text}` is not the name of a {_either(kinds)}"
            if kinds == (Kind.let,):
                message = f"`{name.text}` is no value: no `let` has that name"
            self.report(error("E0201", message, name.span, help=did_you_mean(name.text, known)))
            return None
        symbol.used = True
        if symbol.order >= self.order:
            self._report_order(symbol, name)
            return None
        if symbol.kind is Kind.broken:
            return None
        if symbol.kind not in kinds:
            note = Note("it is bound here", symbol.name.span)
            message = f"`{name.text}` is a {symbol.kind.value}, not a {_either(kinds)}"
            self.report(error("E0213", message, name.span, notes=(note,)))
            return None
        return symbol

    def _report_order(self, symbol: Symbol, name: ast.Name | ast.Word) -> None:
        if symbol.order == self.order:
            self.report(error("E0206", f"`{name.text}` refers to itself", name.span))
            return
        note = Note("it is bound here", symbol.name.span)
        message = f"`{name.text}` is used before it is bound"
        self.report(error("E0205", message, name.span, notes=(note,), help="move its statement up"))


_OTHER = "choose another name"


def _either(kinds: tuple[Kind, ...]) -> str:
    return " or ".join(kind.value for kind in kinds)
