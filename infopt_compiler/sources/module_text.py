"""The text of a Python module: found and parsed, never imported or run."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from infopt_compiler.artifacts import Document
from infopt_compiler.sources.errors import SourceError

EVERYTHING = "*"  # the standard library
BELOW = ".*"  # a package with all below it
_LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__", "lib-dynload"}


def module_files(names: tuple[str, ...]) -> dict[str, Path]:
    """The source files that the names stand for, each under its name and its place below it. SourceError E0610."""
    files: dict[str, Path] = {}
    for name in names:
        root = _root(name) if _is_tree(name) else find_module(name).parent
        files |= {f"{name}/{path.relative_to(root).as_posix()}": path for path in _files(name)}
    return files


def texts_of_modules(names: tuple[str, ...]) -> tuple[list[Document], list[str]]:
    """The documents of all names, and the files that were left out because they do not parse.

    A module named by itself is read as `module_documents` says. Of packages (`name.*`) docstrings count only, a text that
    stood before is left out, and documents are called by the file and the place in it.
    """
    documents: list[Document] = []
    unread: list[str] = []
    seen: set[str] = set()
    for name in names:
        if not _is_tree(name):
            documents += module_documents(find_module(name))
            continue
        root = _root(name)
        for path in _files(name):
            where = path.relative_to(root.parent).with_suffix("").as_posix()
            try:
                found = _docstrings(parse_module(path))
            except SourceError:
                unread.append(where)
                continue
            fresh = [document for document in found if document.text not in seen]
            seen |= {document.text for document in fresh}
            documents += [Document(f"{where}:{document.id}", document.text) for document in fresh]
    return documents, unread


def _is_tree(name: str) -> bool:
    return name == EVERYTHING or name.endswith(BELOW)


def _root(name: str) -> Path:
    """The folder of a package, or of the standard library."""
    if name == EVERYTHING:
        return Path(sysconfig.get_paths()["stdlib"])
    return find_module(name.removesuffix(BELOW)).parent


def _files(name: str) -> list[Path]:
    if not _is_tree(name):
        return [find_module(name)]
    root = _root(name)
    if name != EVERYTHING and not (root / "__init__.py").is_file():
        raise SourceError(
            "E0610", f"`{name.removesuffix(BELOW)}` is a module without any below it", "leave `.*` out"
        )
    return sorted(_below(root), key=lambda path: path.relative_to(root).as_posix())


def _below(folder: Path) -> Iterator[Path]:
    """Python files of a folder and those in it; tests and installed packages are left out."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _LEFT_OUT:
            yield from _below(path)
        elif path.suffix == ".py" and path.is_file():
            yield path


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
    tree = parse_module(path)
    return _dictionaries(tree) or _docstrings(tree)


def parse_module(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError, RecursionError) as wrong:
        raise SourceError("E0610", f"{path.name} cannot be parsed: {wrong}") from wrong


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
