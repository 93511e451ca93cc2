"""Runtimes by name, and which of them serves or scores an artifact.

A package adds one by an entry point of the group `infopt_compiler.runtimes`: its name = "module:RUNTIME", a `Runtime`.
Where several open a layout, the first of this list does, then those of packages by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from infopt_compiler.artifacts.handles import Artifact
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Note, error
from infopt_compiler.runtimes.genai.runtime import RUNTIME as GENAI
from infopt_compiler.runtimes.onnx_stages.runtime import RUNTIME as STAGES
from infopt_compiler.runtimes.onnxruntime.runtime import RUNTIME as ONNXRUNTIME
from infopt_compiler.runtimes.protocol import Runtime
from infopt_compiler.runtimes.ranks.runtime import RUNTIME as RANKS
from infopt_compiler.runtimes.torch.runtime import DECODER, ENCODER

ENTRY_POINT_GROUP = "infopt_compiler.runtimes"
BUILT_IN = (GENAI, ONNXRUNTIME, STAGES, RANKS, DECODER, ENCODER)


class BadRuntime(ValueError):
    """A package's runtime that cannot be used; the message names the package."""


def find_runtime(name: str) -> Runtime:
    """The runtime of that name; BadRuntime where there is none or where two packages claim the name."""
    own = [one for one in BUILT_IN if one.name == name]
    points = [point for point in _points() if point.name == name]
    if len(own) + len(points) > 1:
        owners = [*(["infopt-compile"] if own else []), *(_owner(point) for point in points)]
        raise BadRuntime(f"the runtime `{name}` is there twice: in {' and in '.join(owners)}")
    if own:
        return own[0]
    if not points:
        raise BadRuntime(f"there is no runtime `{name}`")
    return _load(points[0])


def find_server(artifact: Artifact) -> Runtime | None:
    """The runtime that serves requests to the artifact; None where there is none."""
    layout = artifact.layout
    return next((one for one in _usable() if layout in one.serves), None)


def find_scorer(artifact: Artifact) -> Runtime | None:
    """The runtime that scores text with the artifact; None where there is none."""
    layout = artifact.layout
    return next((one for one in _usable() if layout in one.scores), None)


def is_deployable(kind: type[Artifact]) -> bool:
    """Whether a runtime that users deploy with serves some layout of the kind."""
    return any(one.deploys and layout in one.serves for one in _usable() for layout in kind.layouts)


def server_of(artifact: Artifact) -> Runtime:
    """As `find_server`; DiagnosticError E0904 where there is none."""
    if (found := find_server(artifact)) is None:
        raise DiagnosticError(_nobody(artifact, "serves"))
    return found


def scorer_of(artifact: Artifact) -> Runtime:
    """As `find_scorer`; DiagnosticError E0904 where there is none."""
    if (found := find_scorer(artifact)) is None:
        raise DiagnosticError(_nobody(artifact, "scores text with"))
    return found


def _usable() -> Iterator[Runtime]:
    """All of them; a package is imported once nothing built in does."""
    yield from BUILT_IN
    for point in _points():
        try:
            yield find_runtime(point.name)
        except BadRuntime:
            continue


def _nobody(artifact: Artifact, what: str) -> Diagnostic:
    """Packages that could not be used are told, since theirs may be the one that is missed."""
    layout = artifact.layout
    how = layout.name if layout else f"a {artifact.kind} in a folder of no layout that is known"
    return error("E0904", f"no runtime {what} {how}", notes=tuple(map(Note, bad_runtimes())))


def bad_runtimes() -> list[str]:
    """Why packages' runtimes cannot be used, a sentence each."""
    found = []
    for name in dict.fromkeys(point.name for point in _points()):
        try:
            find_runtime(name)
        except BadRuntime as wrong:
            found.append(str(wrong))
    return found


@cache
def _points() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name))


@cache
def _load(point: EntryPoint) -> Runtime:
    try:
        found = point.load()
    except Exception as wrong:  # a package's module may raise anything
        raise BadRuntime(
            f"the runtime `{point.name}` of {_owner(point)} cannot be imported: {wrong}"
        ) from wrong
    if not isinstance(found, Runtime) or found.name != point.name:
        raise BadRuntime(f"the runtime `{point.name}` of {_owner(point)} is no `Runtime` of that name")
    return found


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
