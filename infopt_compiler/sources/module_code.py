"""The source code of Python modules as text: `python:module#code`. Found and parsed, never imported or run."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator
from pathlib import Path

from infopt_compiler.artifacts import Document
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.module_text import module_files, parse_module

_DEFINING = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of_modules(names: tuple[str, ...]) -> tuple[list[Document], list[str]]:
    """The code of all files that the names stand for, and the files that were left out because they do not parse; a
    single file that does not is a SourceError E0610."""
    files, documents, unread = module_files(names), list[Document](), list[str]()
    for place, path in files.items():
        prefix = f"{place.removesuffix('.py')}:" if len(files) > 1 else ""
        try:
            found = code_documents(path)
        except SourceError:
            if len(files) == 1:
                raise
            unread.append(place)
            continue
        documents += [Document(prefix + document.id, document.text) for document in found]
    return documents, unread


def code_documents(path: Path) -> list[Document]:
    """One file, cut in front of each function and class at the top level and each method of such a class."""
    tree = parse_module(path)
    with tokenize.open(path) as file:
        lines = file.read().splitlines(keepends=True)
    starts = {0: "module"} | {line - 1: name for line, name in _definitions(tree)}
    firsts = sorted(starts)
    pieces = zip(firsts, [*firsts[1:], len(lines)], strict=True)
    texts = [(starts[first], "".join(lines[first:last]).rstrip()) for first, last in pieces]
    return [Document(f"{name}:{n}", text) for n, (name, text) in enumerate(texts) if text.strip()]


def _definitions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(first line, decorators among it, name)."""
    for node in tree.body:
        if isinstance(node, _DEFINING):
            yield _first_line(node), node.name
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, _DEFINING):
                    yield _first_line(inner), f"{node.name}.{inner.name}"


def _first_line(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
