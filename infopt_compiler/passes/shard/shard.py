"""The pass `shard`: its parameters, and what is checked before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar

from infopt_compiler.artifacts import HFModel, ModelSpec, QuantizedModel, ShardedModel, TextData, WeightFormat
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.measure.scenario import Scenario
from infopt_compiler.passes.base import AUTO, Estimate, Pass, Problem, RunContext, param
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.passes.shard.degrees import degree_problems
from infopt_compiler.targets.model import Target

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "qwen3_moe")


class Floats(str, Enum):
    """What weights that are not quantized are stored and computed in."""

    float32 = "float32"
    bfloat16 = "bfloat16"


@register_pass
@dataclass(kw_only=True)
class Shard(Pass):
    """Split a decoder over devices: chosen by arithmetic, proven equal, written as one file for each rank.

    Degrees that are `auto` are planned for the target under the scenario: every combination that heads, layers,
    quantization groups and memory allow is priced, the best one is taken. The pass fails unless the sharded run gives
    the logits of the whole model.
    """

    name: ClassVar[str] = "shard"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {
        "model": HFModel | QuantizedModel,
        "under": Scenario | None,
        "on": TextData | None,
    }
    output: ClassVar[type[ShardedModel]] = ShardedModel
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors")

    tensor: int = param(
        AUTO, "ranks that divide every layer: heads, networks, the vocabulary's tables", minimum=1, auto=True
    )
    pipeline: int = param(AUTO, "stages of whole layers, one after the other", minimum=1, auto=True)
    sequence: int = param(AUTO, "ranks that divide the positions of a prompt", minimum=1, auto=True)
    data: int = param(AUTO, "copies of the model, each for its own requests", minimum=1, auto=True)
    experts: int = param(
        AUTO,
        "parts into which a tensor group deals out the experts of a layer; divides `tensor`",
        minimum=1,
        auto=True,
    )
    floats: Floats = param(Floats.float32, "what weights that are not quantized are stored and computed in")

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        """Degrees that the model's shapes or its quantization groups do not allow."""
        if model is None:
            return
        if model.model_type not in MODEL_TYPES:
            known = ", ".join(MODEL_TYPES)
            yield Problem(f"cannot shard a `{model.model_type}` model", "model", f"known are: {known}")
            return
        yield from degree_problems(model, self.degrees)

    @property
    def degrees(self) -> dict[str, int]:
        """Degree by name; `AUTO` where it is to be planned."""
        return {name: getattr(self, name) for name in Mesh().to_json()}

    def transform(self, model: ModelSpec) -> ModelSpec:
        """The same shapes, floats as they will be stored, and the mesh as far as it is given."""
        return replace(self.stored(model), mesh=self.given_mesh())

    def stored(self, model: ModelSpec) -> ModelSpec:
        """The model with its floats as the shards have them."""
        return model.with_format(*map(self._stored_as, (model.linear, model.head, model.embedding)))

    def given_mesh(self) -> Mesh:
        """The degrees with 1 for those to be planned."""
        return Mesh(**{name: degree or 1 for name, degree in self.degrees.items()})

    def _stored_as(self, weights: WeightFormat) -> WeightFormat:
        return WeightFormat(16) if weights.bits >= 16 and self.floats is Floats.bfloat16 else weights

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """Writing streams; the proof loads the whole model once, and once in parts, and runs both."""
        stored = self.stored(model).weight_bytes
        return Estimate(30 + stored / 50e6, 0.6e9 + 1.1 * stored, stored)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        from infopt_compiler.passes.shard.run.execute import (  # type: ignore[import-untyped,unused-ignore]
            shard_model,
        )

        facts: dict[str, Any] = shard_model(
            ctx, inputs["model"], self.given_mesh(), on=inputs.get("on"), floats=self.floats.value
        )
        return facts
