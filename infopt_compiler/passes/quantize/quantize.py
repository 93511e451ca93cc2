"""The pass `quantize`: its parameters, what is checked before it runs, and what it will take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from infopt_compiler.architectures import Ability
from infopt_compiler.artifacts import HFModel, ModelSpec, QuantizedModel, TextData, WeightFormat
from infopt_compiler.passes.base import Estimate, Pass, Problem, RunContext, param
from infopt_compiler.passes.quantize.estimate import estimate_cost
from infopt_compiler.passes.quantize.layers import unfinished
from infopt_compiler.passes.quantize.method import Method
from infopt_compiler.passes.quantize.registry import (
    find_method,
    make_method,
    method_distributions,
    method_names,
)
from infopt_compiler.passes.refusals import refusal
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.plugins import BadPlugin
from infopt_compiler.targets.model import Target

if TYPE_CHECKING:
    from infopt_compiler.passes.quantize.settings import Settings

GROUPS = (16, 32, 64, 128, 256)
ROW = 0  # the `group` that means one scale for each output channel


@register_pass
@dataclass(kw_only=True)
class Quantize(Pass):
    """Quantize the linear weights of a decoder (GPTQ, arXiv 2210.17323, corrected as in GPTAQ, arXiv 2504.02692) or an encoder."""

    name: ClassVar[str] = "quantize"
    version: ClassVar[int] = 2
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel, "calibrate": TextData | None}
    output: ClassVar[type[QuantizedModel]] = QuantizedModel
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors", "tokenizers")

    method: str = param("gptq", "The quantization method.", choices=method_names())
    bits: int = param(4, "Bits per weight of the linear layers.", choices=(4, 8))
    group: int = param(
        32,
        "Group size: weights along the input dimension that share a scale; 0 (encoders only): one scale for each output channel.",
        choices=(ROW, *GROUPS),
    )
    symmetric: bool = param(
        True,
        "Symmetric: the zero point is the middle of the integer range and is not stored; smaller, and faster on CPUs.",
    )
    act_order: bool = param(
        True,
        "gptq: quantize columns in the order of falling activations (act-order); groups keep their columns.",
    )
    scale_search: bool = param(
        True,
        "Choose each scale for the least squared error, instead of from the largest weight of the group.",
    )
    refine: bool = param(True, "gptq: then improve integers and scales by coordinate descent.")
    damp: float = param(
        0.01,
        "gptq: damping, a share of the mean of the Hessian's diagonal that is added to it.",
        minimum=1e-6,
        maximum=1.0,
    )
    reference: int = param(
        16,
        "gptq: calibration windows on which the unquantized model runs too, so that layers are fitted to its activations (GPTAQ); 0: none.",
        minimum=0,
    )
    chat_template: bool = param(
        True, "gptq: put every second calibration window into the model's chat template, if it has one."
    )
    head_bits: int = param(8, "Bits per weight of the output head; 32: not quantized.", choices=(4, 8, 32))
    embedding_bits: int = param(
        8,
        "Bits per weight of the embedding; 32: not quantized. If the model ties them and the bits are the head's, both stay one tensor.",
        choices=(4, 8, 32),
    )
    head_group: int = param(32, "Group size of head and embedding.", choices=GROUPS)

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        """Methods that cannot do a format, groups that divide no input dimension, decoders whose layers are not Llama's."""
        if model is None:
            yield from self._check_method()
            return
        if (refused := refusal(model, Ability.quantize, "quantize", "model")) is not None:
            yield refused
            return
        if not model.family.generates:
            yield from self._check_encoder()
            return
        if self.group == ROW:
            yield Problem(
                "a decoder's weights are quantized in groups", "group", "write for example `group = 32`"
            )
            return
        widths = {columns for _, columns in model.linear_shapes().values()}
        yield from _group_problems(self.group, widths, "group")
        if min(self.head_bits, self.embedding_bits) < 16:
            yield from _group_problems(self.head_group, {model.hidden}, "head_group")
        yield from self._check_method()

    def _check_method(self) -> Iterator[Problem]:
        try:
            method = self._method()
        except BadPlugin as wrong:
            yield Problem(str(wrong), "method", wrong.help, wrong.code)
            return
        head = self._format(self.head_bits) if self.head_bits < 8 else None
        yield from method.problems(WeightFormat(self.bits, self.group, self.symmetric), head)

    def _check_encoder(self) -> Iterator[Problem]:
        """Encoders are computed in integers throughout, which takes one scale for each output channel."""
        wanted = {"method": "rtn", "bits": 8, "group": ROW, "symmetric": True}
        for name, value in wanted.items():
            if getattr(self, name) != value:
                text = str(value).lower()
                yield Problem(
                    f"an encoder is quantized to 8 bits, rounded, with one scale for each output channel, not with `{name}` as given",
                    name,
                    f"write `{name} = {text}`",
                )
        if self.embedding_bits == 4:
            yield Problem("an encoder's embedding takes 8 or 32 bits", "embedding_bits")

    def check_inputs(self, given: Mapping[str, int]) -> Iterator[Problem]:
        """A calibrated method observes the model on text; without any there is nothing to run."""
        if self._is_calibrated() and not given.get("calibrate"):
            yield Problem(
                f"`{self.method}` needs calibration text",
                help="add `calibrate = …`, a `data` binding, or use `method = rtn`",
                code="E0712",
            )

    def transform(self, model: ModelSpec) -> ModelSpec:
        """The same shapes in the chosen formats."""
        linear = WeightFormat(self.bits, self.group, self.symmetric)
        if not model.family.generates:
            words = WeightFormat(8, ROW, True) if self.embedding_bits < 16 else WeightFormat()
            return model.with_format(linear, WeightFormat(), words)
        return model.with_format(linear, self._format(self.head_bits), self._format(self.embedding_bits))

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """For 64 calibration windows of 512 tokens, the usual sample."""
        return estimate_cost(
            model,
            self.transform(model),
            self._method(),
            target.flops if target.here else None,
        )

    def resumes_at(self, staging: Path, inputs: Mapping[str, Any]) -> str | None:
        """At the first layer that has no file."""
        return unfinished(staging, ModelSpec.from_folder(inputs["model"].path).layers)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        """Write the quantized folder; finished layers of an interrupted run are kept."""
        import torch

        from infopt_compiler.passes.quantize.calibration import calibration_windows
        from infopt_compiler.passes.quantize.compress import quantize_folder

        torch.set_num_threads(ctx.threads)
        model: HFModel = inputs["model"]
        if not ModelSpec.from_folder(model.path).family.generates:
            from infopt_compiler.passes.quantize.encoder import quantize_encoder

            return quantize_encoder(model.path, ctx.staging, words=self.embedding_bits < 16)
        calibrate: TextData | None = inputs.get("calibrate")
        windows = None
        if self._is_calibrated() and calibrate is not None:
            windows = calibration_windows(model.path, calibrate, chat_template=self.chat_template)
        tied = ModelSpec.from_folder(model.path).tied
        return quantize_folder(model.path, ctx.staging, self._settings(tied), windows, ctx.progress)

    def shaping_libraries(self) -> tuple[str, ...]:
        return (*self.libraries, *method_distributions(self.method))

    def _method(self) -> Method:
        return make_method(self.method, vars(self))

    def _is_calibrated(self) -> bool:
        try:
            return find_method(self.method).calibrated
        except BadPlugin:  # `check` tells
            return False

    def _format(self, bits: int) -> WeightFormat:
        return WeightFormat(bits, self.head_group, True) if bits < 16 else WeightFormat()

    def _settings(self, tied: bool) -> Settings:
        from infopt_compiler.passes.quantize.folder import Formats
        from infopt_compiler.passes.quantize.grid import Grid
        from infopt_compiler.passes.quantize.settings import Settings

        def table(bits: int) -> Grid | None:
            return Grid(bits, self.head_group, True) if bits < 16 else None

        linear = Grid(self.bits, self.group, self.symmetric)
        return Settings(
            formats=Formats(linear, table(self.head_bits), table(self.embedding_bits), tied),
            method=self._method(),
            scale_search=self.scale_search,
        )


def _group_problems(group: int, widths: set[int], parameter: str) -> Iterator[Problem]:
    """One problem if the group does not divide every width, with the groups that would."""
    bad = sorted(width for width in widths if width % group)
    if not bad:
        return
    fitting = [str(size) for size in GROUPS if all(width % size == 0 for width in widths)]
    advice = f"groups that divide all of them: {', '.join(fitting)}" if fitting else "no group size fits"
    yield Problem(f"a group of {group} does not divide the input dimension {bad[0]}", parameter, advice)
