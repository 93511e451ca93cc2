"""Tasks of lm-evaluation-harness as YAML: found and merged as the harness does it, without importing it and without running code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError

_LEFT_OUT = {"__pycache__", ".ipynb_checkpoints"}


@dataclass(frozen=True)
class Code:
    """What stands for `!function NAME`: it is never looked up."""

    name: str


def find_task(folder: Path, task: str) -> dict[str, Any]:
    """The merged YAML of a task; SourceError E0601 without the folder, E0616 without the task, E0619 for YAML that is none."""
    if not folder.is_dir():
        raise SourceError("E0601", f"there is no folder `{folder}`", "it holds the YAML files of tasks")
    known: list[str] = []
    unread: list[SourceError] = []
    for path in _yaml_files(folder):
        try:
            config = _load(path, folder, ())
        except SourceError as wrong:
            unread.append(wrong)
            continue
        names = {key: config.get(key) for key in ("task", "group")}
        if names["task"] == task and names["group"] is None:
            return config
        if task in names.values():
            raise SourceError("E0616", f"`{task}` is a group of tasks", "name one of its tasks")
        known += [name for name in names.values() if isinstance(name, str)]
    if unread and not known:
        raise unread[0]
    hint = did_you_mean(task, known) or "a task is a YAML file with `task: NAME` in it"
    raise SourceError("E0616", f"no YAML file of `{folder}` is the task `{task}`", hint)


def code_in(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """(key, function) of everything in a configuration that is code."""
    if isinstance(value, Code):
        yield where, value.name
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from code_in(part, f"{where}.{key}" if where else str(key))


def _yaml_files(folder: Path) -> Iterator[Path]:
    found = sorted(folder.rglob("*.yaml"), key=lambda path: path.as_posix())
    return (path for path in found if not _LEFT_OUT & set(path.relative_to(folder).parts))


def _load(path: Path, folder: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """With what it includes; keys of its own win. Includes stay inside the folder: a task is all that is in it."""
    config = _parse(path)
    merged: dict[str, Any] = {}
    includes = config.pop("include", None) or []
    for name in includes if isinstance(includes, list) else [includes]:
        other = (path.parent / str(name)).resolve()
        if other in above or not other.is_relative_to(folder) or not other.is_file():
            why = "includes itself" if other in above else "includes what is not in the folder"
            raise SourceError("E0619", f"{path.name} {why}: `{name}`")
        merged |= {
            key: value for key, value in _load(other, folder, (*above, path)).items() if key != "task_list"
        }
    return merged | config


def _parse(path: Path) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Plain values, and functions by name."""

    Loader.add_constructor("!function", lambda _, node: Code(str(node.value)))
    try:
        found = yaml.load(path.read_bytes(), Loader)
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as wrong:
        text = " ".join(str(wrong).split())
        raise SourceError("E0619", f"{path.name} is no YAML of a task: {text}") from wrong
    if not isinstance(found, dict):
        raise SourceError("E0619", f"{path.name} is no YAML of a task: it has no keys")
    return found
