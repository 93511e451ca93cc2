"""Weights sharded over the processes: each keeps its part of every trained layer (FSDP2, `torch.distributed.fsdp.fully_shard`).

A layer's weights are whole in one process only while it computes; gradients are summed and cut at once, and AdamW holds the
moments of its share (ZeRO stage 3, S. Rajbhandari et al., arXiv 1910.02054, section 5; PyTorch FSDP, arXiv 2304.11277). Head,
embedding and norms are not cut: every process has them whole, norms in float32 whatever the products are made in.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.passes.distill.decoder import parts_of
from infopt_compiler.passes.distill.training.processes import Processes
from infopt_compiler.passes.distill.weights import PlainWeights


class FsdpWeights:
    """`masters`: float32, of a cut layer this process's rows, as FSDP holds them; the optimizer changes them in place.
    What is not cut is as in `PlainWeights`.
    """

    def __init__(self, model: Any, first: int, head: bool, processes: Processes, *, floats16: bool) -> None:
        device = next(model.parameters()).device.type
        for layer in parts_of(model).layers[first:]:
            _cut(layer, device, processes.count, floats16=floats16)
        self._cut = {name: p for name, p in model.named_parameters() if hasattr(p, "to_local")}
        self.sharded = frozenset(self._cut)
        self._rest = PlainWeights(model, first, head, floats16=floats16, others=self.sharded)
        shares = {name: nn.Parameter(p.detach().to_local()) for name, p in self._cut.items()}
        self.masters = self._rest.masters | shares

    def collect_gradients(self) -> None:
        self._rest.collect_gradients()
        for name, parameter in self._cut.items():
            gradient, parameter.grad = parameter.grad, None
            self.masters[name].grad = None if gradient is None else gradient.to_local()

    def weights_changed(self) -> None:
        """Of a cut layer, FSDP's weights and `masters` are the same memory."""
        self._rest.weights_changed()

    def whole(self) -> dict[str, Tensor]:
        """The weights put together again: every process must ask."""
        return self._rest.whole() | {name: p.detach().full_tensor() for name, p in self._cut.items()}


def _cut(layer: Any, device: str, count: int, *, floats16: bool) -> None:
    """Products in bfloat16 where wanted; the residual stream stays as it comes. Gradients are sums, in float32."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if floats16 else None,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )
    vectors = {p for p in layer.parameters() if p.dim() < 2}
    fully_shard(layer, mesh=init_device_mesh(device, (count,)), mp_policy=policy, ignored_params=vectors)
    layer.set_gradient_divide_factor(1.0)
    layer.set_force_sum_reduction_for_comms(True)  # gloo knows no scaled sums
