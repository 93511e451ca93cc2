"""The calibration text on its way through the layers: in the quantized model, and a part in the reference."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from infopt_compiler.architectures import Site

from .decoder import Decoder, Layer
from .method import Observer

CHUNK_TOKENS = 2048  # of one forward; the intermediate activations of a chunk stay small
Solve = Callable[[tuple[str, ...], Observer], None]
Observe = Callable[[int], Observer]  # of linears of that many inputs
Inputs = Callable[[Layer, Tensor], Tensor]


class Streams:
    """Hidden states before the current layer: `h_NSD` quantized, `reference_MSD` of the first M windows."""

    def __init__(self, decoder: Decoder, h_NSD: Tensor, reference_MSD: Tensor, observe: Observe) -> None:
        self.h_NSD = h_NSD
        self.reference_MSD = reference_MSD
        self._observer = observe
        self._rotary = decoder.rotary(h_NSD)
        self._block = decoder.family.block
        self._windows = max(1, CHUNK_TOKENS // h_NSD.shape[1])

    def quantize(self, layer: Layer, reference: Layer, solve: Solve) -> None:
        """Solve the layer's linears in the order in which they run; each sees what those before it give.

        Every product is computed once: attention runs with q, k, v already quantized, and so on; the last
        output is the next layer's input.
        """
        modules = self._block.modules
        solve(modules(Site.attention_in), self._observe(layer, reference, Layer.attention_input))
        self._through(layer, reference, modules(Site.attention_out), self._attend, solve)
        solve(modules(Site.mlp_in), self._observe(layer, reference, Layer.mlp_input))
        self._through(layer, reference, modules(Site.mlp_out), Layer.activate, solve)

    def replay(self, layer: Layer, reference: Layer) -> None:
        """Pass a layer that is quantized already, with the same arithmetic as when it was."""
        modules = self._block.modules
        self._through(layer, reference, modules(Site.attention_out), self._attend, None)
        self._through(layer, reference, modules(Site.mlp_out), Layer.activate, None)

    def observe_norm(self, norm: Callable[[Tensor], Tensor]) -> Observer:
        """What the head sees, after the last layer."""
        seen = self._observer(self.h_NSD.shape[2])
        for part in self._chunks():
            seen.add(_flat(norm(self.h_NSD[part])))
        return seen

    def release(self) -> None:
        """Free the hidden states: nothing runs after the head was observed."""
        self.h_NSD = self.reference_MSD = torch.empty(0)

    def _attend(self, layer: Layer, h: Tensor) -> Tensor:
        return layer.attend(h, self._rotary)

    def _chunks(self) -> list[slice]:
        return [slice(start, start + self._windows) for start in range(0, len(self.h_NSD), self._windows)]

    def _observe(self, layer: Layer, reference: Layer, inputs: Inputs) -> Observer:
        seen = self._observer(self.h_NSD.shape[2])
        for part in self._chunks():
            x, other = inputs(layer, self.h_NSD[part]), self.reference_MSD[part]
            if len(other):
                seen.add_inputs(_flat(x[: len(other)]), _flat(inputs(reference, other)))
            if len(other) < len(x):
                seen.add(_flat(x[len(other) :]))
        return seen

    def _through(
        self, layer: Layer, reference: Layer, site: tuple[str, ...], inputs: Inputs, solve: Solve | None
    ) -> None:
        """Run up to an output projection, solve it if asked to, and add what it gives to the residual stream."""
        name = site[0]
        seen = None if solve is None else self._observer(layer.weights[name].shape[1])
        kept = []
        for part in self._chunks():
            h, other = self.h_NSD[part], self.reference_MSD[part]
            x, paired = inputs(layer, h), len(other)
            if paired:
                other += reference.project(name, inputs(reference, other))
            if seen is not None and paired:
                behind = other - h[:paired] - layer.project(name, x[:paired])
                seen.add_gap(_flat(x[:paired]), _flat(_of_output(behind, layer)))
            if seen is not None and paired < len(x):
                seen.add(_flat(x[paired:]))
            kept.append(x)
        if solve is not None and seen is not None:
            solve(site, seen)
        for part, x in zip(self._chunks(), kept, strict=True):
            self.h_NSD[part] += layer.project(name, x)


def _of_output(behind: Tensor, layer: Layer) -> Tensor:
    """What a projection's output lacks where the stream lacks `behind`."""
    return behind if layer.residual == 1.0 else behind / layer.residual


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])
