"""The pass `tune`: which runtime settings serve best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from infopt_compiler.artifacts import ModelSpec, OnnxModel, TextData
from infopt_compiler.artifacts.model_spec import TUNED
from infopt_compiler.passes.base import Estimate, Pass, Problem, RunContext
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.passes.tune.parameters import Objective, TuneParameters
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets.model import Target

_RUNTIME_BYTES = 130e6  # of the process that compares accuracy levels, without weights
_WINDOW = 512  # tokens whose logits it holds, of both levels


@register_pass
@dataclass(kw_only=True)
class Tune(TuneParameters, Pass):
    """Measure runtime settings under a scenario; keep what is better beyond noise.

    Of decoders threads, accuracy levels, fusions and head pruning, of encoders threads, graph optimization and spinning. The
    search starts from what is predicted best and races every single step away from it, and the artifact as it came: blocks of
    requests in fresh processes, interleaved, until paired differences are beyond noise. What accuracy level 4 (int8
    activations) costs in KL is measured against level 0 and charged to this pass. What others' work or a lack of time left
    undecided is not final: the next build takes it up again.
    """

    name: ClassVar[str] = "tune"
    version: ClassVar[int] = 2
    inputs: ClassVar[dict[str, Any]] = {"model": OnnxModel, "under": Scenario, "on": TextData | None}
    output: ClassVar[type[OnnxModel]] = OnnxModel
    machine_bound: ClassVar[bool] = True
    chooses_by_measuring: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("onnxruntime", "onnxruntime-genai", "onnx")

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        if self.seconds <= 0:
            yield Problem("`time` must be positive", "time", "write for example `time = 90 s`")
        if not 0 <= self.least_gain < 1:
            yield Problem("`gain` must be at least 0% and less than 100%", "gain")
        if (
            model is not None
            and not model.family.generates
            and self.minimize in (Objective.ttft, Objective.tpot)
        ):
            told = f"`minimize = {self.minimize.value}` is for decoders: an encoder generates nothing"
            yield Problem(told, "minimize", "write `minimize = latency` or `minimize = throughput`")

    def check_scenarios(self, scenarios: Mapping[str, Any]) -> Iterator[Problem]:
        scenario = scenarios.get("under")
        if scenario is not None and self.minimize is Objective.tpot and scenario.generate < 2:
            told = f"`minimize = tpot` needs at least two output tokens, and `{scenario.name}` generates {scenario.generate}"
            yield Problem(told, "minimize", "write `minimize = latency`, or let the scenario generate more")

    def transform(self, model: ModelSpec) -> ModelSpec:
        return replace(model, served=TUNED) if model.family.generates else model

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """The search takes what `time` allows; every variant shares the weights, so the output is links. Memory is
        that of the process that compares accuracy levels (both levels' logits) or, if none is raised, of serving: what
        lies between. Level 0 unpacks a head of 8 bits."""
        logits = 1.25 * 4.0 * _WINDOW * model.vocabulary
        head = 4.0 * model.head_parameters if model.head.bits == 8 else 0.0
        peak = _RUNTIME_BYTES + model.weight_bytes + logits + head
        return Estimate(self.seconds, peak, 3e5)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        from infopt_compiler.passes.tune.run import run_tune

        return run_tune(self, ctx, inputs["model"], inputs["under"], inputs.get("on"))
