"""The text of a Python module: found and parsed, never imported or run."""

from __future__ import annotations

import ast
from importlib.machinery import PathFinder
from pathlib import Path

from infopt_compiler.artifacts import Document
from infopt_compiler.sources.errors import SourceError


def find_module(name: str) -> Path:
    """The source file of a module. Not `importlib.util.find_spec`, which imports (runs) the parent packages."""
    search: list[str] | None = None
    for part in name.split("."):
        # The last name alone: with the whole one, importlib looks for the parents among the imported modules.
        spec = PathFinder.find_spec(part, search)
        if spec is None:
            raise SourceError("E0610", f"there is no Python module `{name}`", "check its spelling")
        search = list(spec.submodule_search_locations or [])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise SourceError("E0610", f"the module `{name}` has no source file")
    return Path(spec.origin)


def module_documents(path: Path) -> list[Document]:
    """Each dictionary of texts at the top level gives one document per item, in its order (`pydoc_data.topics`);
    where there is none, each docstring (module, classes, functions, in order) gives one."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as wrong:
        raise SourceError("E0610", f"{path.name} cannot be parsed: {wrong}") from wrong
    return _dictionaries(tree) or _docstrings(tree)


def _dictionaries(tree: ast.Module) -> list[Document]:
    documents: list[Document] = []
    for statement in tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not isinstance(statement.value, ast.Dict):
            continue
        try:
            value = ast.literal_eval(statement.value)
        except ValueError:
            continue  # computed, so it is code and no text
        if value and all(isinstance(part, str) for item in value.items() for part in item):
            documents += [Document(key, text) for key, text in value.items()]
    return documents


def _docstrings(tree: ast.Module) -> list[Document]:
    holders = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef))]  # fmt: skip
    holders.sort(key=lambda node: getattr(node, "lineno", 0))
    found = [(getattr(node, "name", "module"), ast.get_docstring(node)) for node in holders]
    return [Document(f"{name}:{n}", text) for n, (name, text) in enumerate(found) if text]
