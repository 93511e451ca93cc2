"""The pass `shard`: its parameters, and what is checked before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar

from infopt_compiler.architectures import Ability
from infopt_compiler.artifacts import HFModel, ModelSpec, QuantizedModel, ShardedModel, TextData, WeightFormat
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.base import AUTO, Estimate, Outline, Pass, PassError, Problem, RunContext, param
from infopt_compiler.passes.refusals import refusal
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.passes.shard.degrees import degree_problems
from infopt_compiler.passes.shard.planner import ShardPlan, make_plan
from infopt_compiler.passes.shard.planner.candidates import MOST_RANKS
from infopt_compiler.passes.shard.planner.choose import Prefer
from infopt_compiler.passes.shard.planner.outline import outline
from infopt_compiler.passes.shard.planner.requirement import parse_wanted, wanted_problems
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.sharded_memory import stored_bytes
from infopt_compiler.targets.sharded_predict import load_of


class Dtype(str, Enum):
    """What weights that are not quantized are stored and computed in."""

    float32 = "float32"
    bfloat16 = "bfloat16"


@register_pass
@dataclass(kw_only=True)
class Shard(Pass):
    """Split a decoder over devices by tensor, pipeline, sequence, data and expert parallelism; one file of weights for each rank.

    Degrees that are `auto` are planned for the target under the scenario: time and memory of every combination that heads,
    layers and quantization groups allow are predicted, and the best one that fits is taken. The pass fails unless the sharded run gives
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
    target_fields: ClassVar[tuple[str, ...]] = ("name", "memory_bytes", "devices", "cores")

    tensor: int = param(
        AUTO,
        "tensor parallel degree: ranks that share every layer (attention heads, MLP channels) and the vocabulary of embedding and head",
        minimum=1,
        auto=True,
    )
    pipeline: int = param(
        AUTO, "pipeline parallel degree: stages of whole layers, one after the other", minimum=1, auto=True
    )
    sequence: int = param(
        AUTO,
        "sequence (context) parallel degree: ranks that share the positions of a prompt",
        minimum=1,
        auto=True,
    )
    data: int = param(
        AUTO, "data parallel degree: replicas of the model, each with its own requests", minimum=1, auto=True
    )
    experts: int = param(
        AUTO,
        "expert parallel degree: ranks of a tensor group among which whole experts are distributed; divides `tensor`",
        minimum=1,
        auto=True,
    )
    dtype: Dtype = param(
        Dtype.float32,
        "data type in which weights that are not quantized are stored and computed",
        formerly=("floats",),
    )
    prefer: Prefer = param(
        Prefer.throughput, "what the planner optimizes; `per_device` is throughput over the number of devices"
    )
    require: list[str] = param(
        [],
        "bounds on predicted `ttft`, `tpot`, `latency`, `throughput`, `cost` or `memory` that a combination must meet",
        requirement=True,
    )

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        """Degrees that the model's shapes or its quantization groups do not allow."""
        yield from wanted_problems(self.require)
        if model is None:
            return
        if (refused := refusal(model, Ability.shard, "shard", "model")) is not None:
            yield refused
            return
        yield from degree_problems(model, self.degrees)

    @property
    def degrees(self) -> dict[str, int]:
        """Degree by name; `AUTO` where it is to be planned."""
        return {name: getattr(self, name) for name in Mesh().to_json()}

    def check_target(
        self, model: ModelSpec, target: Target, scenarios: Mapping[str, Any]
    ) -> Iterator[Problem]:
        """More ranks than devices; no combination that fits."""
        if any(True for _ in self.check(model)):
            return
        ranks, most = self.given_mesh().world, MOST_RANKS if target.here else target.devices
        if ranks > most:
            what = (
                f"{most} processes of this machine at most"
                if target.here
                else f"the target `{target.name}` has {most}"
            )
            yield Problem(
                f"{self.given_mesh()} takes {ranks} devices, {what}",
                next(name for name, degree in self.degrees.items() if degree > 1),
                "choose smaller degrees or a larger target",
                "E0772",
            )
        elif not target.here:
            plan = self.plan(model, target, scenarios)
            if plan.chosen is None:
                lines = "; ".join(f"{one.what} {one.why}" for one in plan.refused)
                yield Problem(
                    f"no mesh fits the target `{target.name}`: {lines}",
                    None,
                    "choose a larger target, fewer bits or shorter requests",
                    "E0773",
                )

    def plan(self, model: ModelSpec, target: Target, scenarios: Mapping[str, Any]) -> ShardPlan:
        """Every combination that fits, ranked."""
        return make_plan(
            self.stored(model),
            target,
            load_of(scenarios.get("under") or Scenario()),
            self.degrees,
            self.prefer,
            [parse_wanted(text) for text in self.require],
        )

    def settle(self, model: ModelSpec, target: Target, scenarios: Mapping[str, Any]) -> ModelSpec:
        """With the mesh that will be taken, or what of it is given where none fits."""
        chosen = self.plan(model, target, scenarios).chosen
        return self.transform(model) if chosen is None else replace(self.stored(model), mesh=chosen.mesh)

    def outline(
        self, model: ModelSpec, target: Target, scenarios: Mapping[str, Any], bounds: Sequence[str] = ()
    ) -> Outline | None:
        return outline(self.plan(model, target, scenarios), self.stored(model), bounds)

    def transform(self, model: ModelSpec) -> ModelSpec:
        """The same shapes, floats as they will be stored, and the mesh as far as it is given."""
        return replace(self.stored(model), mesh=self.given_mesh())

    def stored(self, model: ModelSpec) -> ModelSpec:
        """The model with its floats as the shards have them."""
        formats = map(self._stored_as, (model.linear, model.head, model.embedding))
        return replace(model.with_format(*formats), float_bytes=2 if self.dtype is Dtype.bfloat16 else 4)

    def given_mesh(self) -> Mesh:
        """The degrees with 1 for those to be planned."""
        return Mesh(**{name: degree or 1 for name, degree in self.degrees.items()})

    def _stored_as(self, weights: WeightFormat) -> WeightFormat:
        return WeightFormat(16) if weights.bits >= 16 and self.dtype is Dtype.bfloat16 else weights

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """Writing streams; the proof loads the whole model once, and once in parts, and runs both."""
        stored = self.stored(model)
        mesh = self.given_mesh()
        fits = mesh.pipeline <= model.layers and not any(self.check(model))
        size = float(stored_bytes(stored, mesh)) if fits else float(stored.weight_bytes)
        return Estimate(30 + size / 50e6, 0.6e9 + 1.1 * size, size)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        from infopt_compiler.passes.shard.run.execute import (  # type: ignore[import-untyped,unused-ignore]
            shard_model,
        )

        spec = ModelSpec.from_folder(inputs["model"].path)
        plan = self.plan(spec, ctx.target, {"under": inputs.get("under")})
        if plan.chosen is None:
            why = "; ".join(f"{one.what}: {one.why}" for one in plan.refused)
            raise PassError(f"no mesh fits the target `{ctx.target.name}`: {why}", code="E0773")
        mesh = plan.chosen.mesh
        ctx.log(f"mesh: {mesh}")
        facts: dict[str, Any] = shard_model(
            ctx, inputs["model"], mesh, on=inputs.get("on"), floats=self.dtype.value
        )
        return {"mesh": mesh.to_json(), **facts}
