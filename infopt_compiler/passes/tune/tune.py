"""The pass `tune`: which runtime settings serve best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar

from infopt_compiler.artifacts import ModelSpec, OnnxModel, TextData
from infopt_compiler.artifacts.model_spec import TUNED
from infopt_compiler.passes.base import Estimate, Pass, Problem, RunContext, param
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets.model import Target
from infopt_compiler.units import Dimension, parse_quantity

_RUNTIME_BYTES = 130e6  # of the process that compares accuracy levels, without weights
_WINDOW = 512  # tokens whose logits it holds, of both levels


class Objective(str, Enum):
    latency = "latency"  # median end-to-end time of a request
    ttft = "ttft"  # median time to first token
    tpot = "tpot"  # median time per output token
    throughput = "throughput"  # output tokens per second of wall time: its inverse is minimized


@register_pass
@dataclass(kw_only=True)
class Tune(Pass):
    """Measure threads, accuracy level, fusions and head pruning under a scenario; keep what is better beyond noise.

    One setting after the other is raced: blocks of requests in fresh processes, interleaved, until a paired
    difference is beyond noise; a tie goes to the setting that the artifact came with. What accuracy level 4
    (int8 activations) costs in KL is measured against level 0 and charged to this pass.
    """

    name: ClassVar[str] = "tune"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": OnnxModel, "under": Scenario, "on": TextData | None}
    output: ClassVar[type[OnnxModel]] = OnnxModel
    machine_bound: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("onnxruntime", "onnxruntime-genai", "onnx")

    minimize: Objective = param(
        Objective.latency,
        "what is made small; `throughput` stands for the time per output token of all requests",
    )
    time: str = param("90 s", "wall time for the search", dimension=Dimension.time)
    requests: int = param(2, "requests per block; a block is one fresh process", minimum=1, maximum=1000)
    rounds: int = param(4, "most pairs of blocks per setting", minimum=2, maximum=100)
    gain: str = param("2%", "least relative gain for which a setting changes", dimension=Dimension.fraction)
    threads: int = param(0, "most threads to try; 0: the machine's physical cores", minimum=0, maximum=1024)
    max_kl: str = param(
        "0.02 nats", "most mean KL that accuracy level 4 may cost", dimension=Dimension.information
    )

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        if parse_quantity(self.time).base <= 0:
            yield Problem("`time` must be positive", "time", "write for example `time = 90 s`")
        if not 0 <= parse_quantity(self.gain).base < 1:
            yield Problem("`gain` must be at least 0% and less than 100%", "gain")

    def transform(self, model: ModelSpec) -> ModelSpec:
        return replace(model, served=TUNED)

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """The search takes what `time` allows; every variant shares the weights, so the output is links. Memory is
        that of the process that compares accuracy levels (both levels' logits) or, if none is raised, of serving: what
        lies between. Level 0 unpacks a head of 8 bits."""
        logits = 1.25 * 4.0 * _WINDOW * model.vocabulary
        head = 4.0 * model.head_parameters if model.head.bits == 8 else 0.0
        peak = _RUNTIME_BYTES + model.weight_bytes + logits + head
        return Estimate(parse_quantity(self.time).base, peak, 3e5)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        from infopt_compiler.passes.tune.run import run_tune

        return run_tune(self, ctx, inputs["model"], inputs["under"], inputs.get("on"))
