"""Runtimes by name, and which of them serves or scores an artifact.

A package adds one by an entry point of the group `infopt_compiler.runtimes`: its name = "module:RUNTIME", a `Runtime`.
Where several open a layout, the first of this list does, then those of packages by name.
"""

from __future__ import annotations

from typing import Any

from infopt_compiler.artifacts.handles import Artifact
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Note, error
from infopt_compiler.plugins import Registry
from infopt_compiler.runtimes.genai.runtime import RUNTIME as GENAI
from infopt_compiler.runtimes.onnx_stages.runtime import RUNTIME as STAGES
from infopt_compiler.runtimes.onnxruntime.runtime import RUNTIME as ONNXRUNTIME
from infopt_compiler.runtimes.protocol import Runtime
from infopt_compiler.runtimes.ranks.runtime import RUNTIME as RANKS
from infopt_compiler.runtimes.torch.runtime import DECODER, ENCODER

ENTRY_POINT_GROUP = "infopt_compiler.runtimes"
BUILT_IN = (GENAI, ONNXRUNTIME, STAGES, RANKS, DECODER, ENCODER)


def _wrong(found: Any) -> str | None:
    return None if isinstance(found, Runtime) else "no `Runtime`"


RUNTIMES: Registry[Runtime] = Registry(
    "runtime",
    ENTRY_POINT_GROUP,
    lambda: {one.name: lambda one=one: one for one in BUILT_IN},  # type: ignore[misc]
    _wrong,
    lambda runtime: runtime.name,
)


def find_runtime(name: str) -> Runtime:
    """The runtime of that name. KeyError where there is none, BadPlugin where a package's cannot be used."""
    return RUNTIMES.find(name)


def find_server(artifact: Artifact) -> Runtime | None:
    """The runtime that serves requests to the artifact; None where there is none."""
    layout = artifact.layout
    return next((one for one in RUNTIMES.usable() if layout in one.serves), None)


def find_scorer(artifact: Artifact) -> Runtime | None:
    """The runtime that scores text with the artifact; None where there is none."""
    layout = artifact.layout
    return next((one for one in RUNTIMES.usable() if layout in one.scores), None)


def is_scored(kind: type[Artifact]) -> bool:
    """Whether a runtime scores text with some layout of the kind."""
    return any(layout in one.scores for one in RUNTIMES.usable() for layout in kind.layouts)


def is_deployable(kind: type[Artifact]) -> bool:
    """Whether a runtime that users deploy with serves some layout of the kind."""
    return any(one.deploys and layout in one.serves for one in RUNTIMES.usable() for layout in kind.layouts)


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


def _nobody(artifact: Artifact, what: str) -> Diagnostic:
    """Packages that could not be used are told, since theirs may be the one that is missed."""
    layout = artifact.layout
    how = layout.name if layout else f"a {artifact.kind} in a folder of no layout that is known"
    notes = tuple(Note(str(wrong)) for wrong in RUNTIMES.problems())
    return error("E0904", f"no runtime {what} {how}", notes=notes)
