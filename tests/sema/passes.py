"""Small passes shaped like the real ones, so that the tests of the language hang on no parameter of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar

from infopt_compiler.artifacts import HFModel, ModelSpec, OnnxModel, QuantizedModel, TextData, WeightFormat
from infopt_compiler.passes.base import MISSING, Pass, Problem, RunContext, param
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.scenario import Scenario
from infopt_compiler.units import Dimension


class _NeverRun(Pass):
    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        raise AssertionError("checking a recipe runs no pass")


class Prefer(str, Enum):
    smallest = "smallest"
    best = "best"


class Format(str, Enum):
    onnx = "onnx"


@register_pass
@dataclass(kw_only=True)
class Pick(_NeverRun):
    name: ClassVar[str] = "pick"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"candidates": tuple[HFModel, ...], "on": TextData | None}
    output: ClassVar[type[HFModel]] = HFModel

    prefer: Prefer = param(Prefer.smallest, "which one first")
    require: list[str] = param([], "what a candidate must meet", requirement=True)
    gain: str = param("2%", "least gain", dimension=Dimension.fraction)

    def check_inputs(self, given: Mapping[str, int]) -> Iterator[Problem]:
        if given.get("candidates", 0) > 1 and not given.get("on"):
            yield Problem("several candidates need text", help="add `on = heldout`")


@register_pass
@dataclass(kw_only=True)
class Shrink(_NeverRun):
    name: ClassVar[str] = "shrink"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel, "calibrate": TextData | None}
    output: ClassVar[type[QuantizedModel]] = QuantizedModel

    method: str = param("gptq", "how", choices=("rtn", "gptq"))
    bits: int = param(4, "bits per weight", choices=(4, 8))
    group: int = param(32, "weights per scale", minimum=8, maximum=1024)
    order: bool = param(True, "activation order")
    damp: float = param(0.01, "damping", minimum=0.0, maximum=1.0)
    layers: list[int] = param([], "which layers", minimum=0)

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        if model is not None and model.hidden % self.group:
            yield Problem(f"`group` {self.group} does not divide {model.hidden}", "group", "use a divisor")

    def transform(self, model: ModelSpec) -> ModelSpec:
        return replace(model, linear=WeightFormat(self.bits, self.group))


@register_pass
@dataclass(kw_only=True)
class Convert(_NeverRun):
    name: ClassVar[str] = "convert"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel | QuantizedModel}
    output: ClassVar[type[OnnxModel]] = OnnxModel

    format: Format = param(Format.onnx, "what to write")
    label: str = param("", "a name")


@register_pass
@dataclass(kw_only=True)
class Polish(_NeverRun):
    name: ClassVar[str] = "polish"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": OnnxModel, "under": Scenario}
    output: ClassVar[type[OnnxModel]] = OnnxModel

    time: str = param("30 s", "how long to look", dimension=Dimension.time)
    context: str = param("128 tokens", "how far", dimension=Dimension.tokens)


@register_pass
@dataclass(kw_only=True)
class Demanding(_NeverRun):
    name: ClassVar[str] = "demanding"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel}
    output: ClassVar[type[HFModel]] = HFModel

    ratio: float = param(MISSING, "no default", minimum=0.0)
