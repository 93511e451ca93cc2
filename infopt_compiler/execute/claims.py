"""What a pass said before it ran, held against what it wrote: the kind of its artifact, and the shapes of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Artifact, Data, ModelSpec
from infopt_compiler.artifacts.model_spec import Served, WeightFormat
from infopt_compiler.passes.base import Pass, PassError
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets.model import Target

_CONFIG = "config.json"


def check_inputs(instance: Pass, inputs: Mapping[str, Any]) -> None:
    """What the pass says against the models that came in: where a model was not fetched yet, nothing could be checked
    before. As the checker does, of one that shapes the result only that one. PassError with the first problem."""
    shaping = inputs.get(instance.shaped_by) if instance.shaped_by else None
    for given in inputs.values() if shaping is None else [shaping]:
        for handle in _models(given):
            spec = read_spec(handle.path) if _has_config(handle) else None
            for problem in instance.check(spec) if spec is not None else ():
                raise PassError(problem.message, code=problem.code, help=problem.help)


def check_result(instance: Pass, result: Artifact, inputs: Mapping[str, Any], target: Target) -> None:
    """PassError where the folder that was written is not of its kind (E0795), or where it holds another model than
    `settle` says of the models that came in (E0794). Nothing is said of a folder without files: that is told elsewhere."""
    if not any(path.is_file() for path in result.path.rglob("*")):
        return
    kind = type(result)
    if kind.layouts and (layout := _layout(result)) is None:
        known = " or ".join(f"{one.name} (`{one.file}`)" for one in kind.layouts)
        told = f"what it wrote is no {kind.kind}: its folder is not laid out as {known}"
        raise PassError(told, code="E0795", help="this is a fault of the pass: `run` and `output` disagree")
    if not kind.layouts or layout is None or layout.file != _CONFIG:
        return
    made, promised = read_spec(result.path), _promised(instance, inputs, target)
    made = made and _shapes(made)
    if made is not None and promised and made not in promised:
        name = next(_differences(promised[0], made))
        told = f"the model that it wrote has `{name}` {_shown(made, name)}, and it promised {_shown(promised[0], name)}"
        help = "this is a fault of the pass: `run` and `transform` (or `settle`) disagree"
        raise PassError(told, code="E0794", help=help)


def read_spec(folder: Path) -> ModelSpec | None:
    """Of a Hugging Face folder; None where it is none, or no transformer whose shapes are known."""
    try:
        return ModelSpec.from_folder(folder)
    except (OSError, KeyError, ValueError, TypeError):
        return None


def _promised(instance: Pass, inputs: Mapping[str, Any], target: Target) -> list[ModelSpec]:
    """One for each model of the argument that shapes the result; [] where one of them is not known."""
    scenarios = {name: given for name, given in inputs.items() if isinstance(given, Scenario)}
    order = sorted(inputs, key=lambda argument: argument != instance.shaped_by)
    handles = next((found for argument in order if (found := _models(inputs[argument]))), [])
    specs = [read_spec(handle.path) if _has_config(handle) else None for handle in handles]
    known = [spec for spec in specs if spec is not None and spec.family.classes]
    if len(known) < len(specs):
        return []
    settled = (instance.settle(spec, target, scenarios) for spec in known)
    return [replace(_shapes(spec), served=Served()) for spec in settled]


def _shapes(spec: ModelSpec) -> ModelSpec:
    """Without the formats of its weights: folders do not state all of them, and tables that are quantized apart are no longer
    one tensor."""
    plain = WeightFormat()
    return replace(spec.with_format(plain, plain, plain), tied=False)


def _models(given: Any) -> list[Artifact]:
    handles = given if isinstance(given, tuple) else (given,)
    return [one for one in handles if isinstance(one, Artifact) and not isinstance(one, Data)]


def _has_config(handle: Artifact) -> bool:
    """Whether config.json says what the model is: of an exported one it says what it was made from."""
    layout = _layout(handle)
    return layout is not None and layout.file == _CONFIG


def _layout(artifact: Artifact) -> Any:
    try:
        return artifact.layout
    except (OSError, ValueError, TypeError):  # a damaged config.json
        return None


def _differences(promised: ModelSpec, made: ModelSpec) -> Iterator[str]:
    for field in fields(ModelSpec):
        if getattr(promised, field.name) != getattr(made, field.name):
            yield field.name


def _shown(spec: ModelSpec, name: str) -> str:
    return repr(getattr(spec, name))
