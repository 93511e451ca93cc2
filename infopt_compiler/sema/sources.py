"""Looks at the sources that are on this machine: whether they are there, and whether data have the `field` that the recipe names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infopt_compiler.diagnostics import Span
from infopt_compiler.sema.program import DataDecl, Program
from infopt_compiler.sema.scope import Scope
from infopt_compiler.sources import SourceError
from infopt_compiler.sources.local import check_data, check_model, has_fields
from infopt_compiler.sources.rows import NO_FIELD
from infopt_compiler.syntax import ast


def check_sources(scope: Scope, tree: ast.Recipe, program: Program, folder: Path) -> None:
    """E0601, E0606, E0609, E0611, E0621 to E0623 at the source or the `field`: the same that a build would say."""
    told: set[tuple[str, str]] = set()  # of a text with several slices what is wrong is said once
    for statement in tree.statements:
        if isinstance(statement, ast.Model) and isinstance(statement.source, ast.Text):
            model = program.models.get(statement.name.text)
            if model is not None and model.source == statement.source.value:
                _try_model(scope, model.source, folder, statement.source.span)
        if isinstance(statement, ast.Data) and not isinstance(statement.source, ast.Invalid):
            data = program.data.get(statement.name.text)
            if data is not None and not data.is_task:
                _check_data(
                    scope, _chain(tree, statement), data, folder, told, _is_only_cut(program, tree, data)
                )


def _try_model(scope: Scope, source: str, folder: Path, span: Span) -> None:
    try:
        check_model(source, folder)
    except SourceError as wrong:
        scope.report(wrong.diagnostic(span))


def _chain(tree: ast.Recipe, statement: ast.Data) -> list[ast.Data]:
    """The statement, what it is a slice of, and so on to the one that names the source."""
    chain = [statement]
    named = {one.name.text: one for one in reversed(tree.statements) if isinstance(one, ast.Data)}
    while isinstance(source := chain[-1].source, ast.Name) and named.get(source.text) not in (None, *chain):
        chain.append(named[source.text])
    return chain


def _check_data(
    scope: Scope,
    chain: list[ast.Data],
    data: DataDecl,
    folder: Path,
    told: set[tuple[str, str]],
    skipped: bool,
) -> None:
    """What is wrong with a source is told where its string stands; of a `field` at the nearest one that is named."""
    own = _field_span(chain[0])
    try:
        if not skipped and not told & {(data.source, ""), (data.source, data.field)}:
            check_data(data.source, folder, data.field)
        if own is not None and not has_fields(data.source, folder):
            help = "leave it out: only rows of .jsonl, .json, .csv, .tsv and .parquet files have fields"
            raise SourceError("E0622", f"`{data.source}` has no fields", help)
    except SourceError as wrong:
        of_field = wrong.code in (NO_FIELD, "E0622")
        told.add((data.source, data.field if of_field else ""))
        fields = (span for one in chain if (span := _field_span(one)) is not None)
        at = next(fields, None) if of_field else None
        scope.report(wrong.diagnostic(at or chain[-1].source.span))


def _field_span(statement: ast.Data) -> Span | None:
    """Where the `field` is named; None where it is not, or by what is no text, which was told."""
    entries = statement.settings.entries if statement.settings is not None else ()
    named = (entry.value for entry in entries if entry.name is not None and entry.name.text == "field")
    return next((value.span for value in named if isinstance(value, ast.Text | ast.Loose)), None)


def _is_only_cut(program: Program, tree: ast.Recipe, data: DataDecl) -> bool:
    """Nothing takes it but slices, which may name a `field` of their own."""
    sources = (s.source for s in tree.statements if isinstance(s, ast.Data))
    cut = any(isinstance(source, ast.Name) and source.text == data.name for source in sources)
    return cut and data.name not in set(_taken(program))


def _taken(program: Program) -> Iterator[str]:
    for node in program.nodes.values():
        yield from (name for names in node.inputs.values() for name in names)
    yield from (bound.on for budget in program.budgets.values() for bound in budget.bounds if bound.on)
    yield from (one.prompts for one in program.scenarios.values() if one.prompts)
