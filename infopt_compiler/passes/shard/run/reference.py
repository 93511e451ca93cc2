"""The whole model in transformers, without ever holding the whole: each layer's weights come when it runs and go after it.

What a sharded run is compared with. Integer weights are the floats that they stand for (`artifacts.quantized`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.architectures import Names, Role
from infopt_compiler.architectures.parts import EXPERT
from infopt_compiler.sources.tensors import Tensor as Stored

from .architecture import Architecture
from .errors import Unsupported
from .files import read_into, read_part
from .matrices import FloatMatrix, IntegerMatrix, Matrix
from .weights import TYPES
from .write import source_tensors

_POSITIONS = 32  # whose logits are held at once
_STACKED = {
    "gate_up_proj": (Role.gate, Role.up),
    "down_proj": (Role.down,),
}  # transformers 5, in `mlp.experts`


class Folder:
    """The weights that a Hugging Face or QuantizedModel folder stands for, read one at a time."""

    def __init__(self, folder: Path, floats: str) -> None:
        self._stored = source_tensors(folder)
        self.architecture = Architecture.from_folder(folder)
        self._floats = floats

    def has(self, module: str) -> bool:
        return f"{module}.weight" in self._stored or f"{module}.qweight" in self._stored

    def matrix(self, module: str) -> Matrix:
        """As it is stored: integers stay integers."""
        if f"{module}.weight" in self._stored:
            return FloatMatrix(self.tensor(f"{module}.weight"), torch.float32)
        bits, group = self.architecture.format_of(module)
        q, scale, zero = (self._stored.get(f"{module}.{leaf}") for leaf in ("qweight", "scales", "qzeros"))
        if q is None or scale is None:
            raise Unsupported(f"the model lacks the weights of `{module}`")
        return IntegerMatrix(
            _read(q), _read(scale), None if zero is None else _read(zero), bits, group, torch.float32
        )

    def tensor(self, name: str) -> Tensor:
        """Float32, rounded as the shards store it."""
        if name in self._stored:
            return self._rounded(_read(self._stored[name]).float())
        module = name.removesuffix(".weight")
        found = self.matrix(module)
        return found.rows(torch.arange(self._stored[f"{module}.qweight"].shape[0]))

    def embedded(self, ids: Tensor) -> Tensor:
        """Rows of the embedding's table, of which nothing else is read."""
        stored = self._stored[f"{self.architecture.names.embedding}.weight"]
        used, places = ids.unique(return_inverse=True)
        width = (0, stored.shape[1])
        rows = [b"".join(read_part(stored, ((row, row + 1), width))) for row in used.tolist()]
        table = torch.frombuffer(bytearray(b"".join(rows)), dtype=TYPES[stored.dtype]).view(len(rows), -1)
        return self._rounded(table.float())[places]

    def fill(self, module: nn.Module, prefix: str) -> None:
        """Give a module of transformers, on no device so far, its weights."""
        module.to_empty(device="cpu")
        for name, parameter in module.named_parameters():
            self._fill_one(parameter, prefix + name)

    def _fill_one(self, parameter: Tensor, name: str) -> None:
        head, _, leaf = name.rpartition(".")
        if leaf in _STACKED and head.endswith("mlp.experts"):
            for expert in range(parameter.shape[0]):
                parameter[expert].copy_(
                    self._stacked(head.removesuffix("mlp.experts"), expert, _STACKED[leaf])
                )
            return
        parameter.copy_(self.tensor(self._renamed(name)))

    def _stacked(self, layer: str, expert: int, roles: tuple[Role, ...]) -> Tensor:
        """transformers 5 stacks the experts of a layer, and gate above up."""
        named = {linear.roles[0]: linear.module for linear in self.architecture.family.block.experts}
        modules = [layer + named[role].replace(EXPERT, str(expert)) for role in roles]
        return torch.cat([self.tensor(f"{module}.weight") for module in modules])

    def _renamed(self, name: str) -> str:
        """A router by its name in the files; transformers calls the network of a layer `mlp`."""
        router = self.architecture.family.block.router
        if router is None or not name.endswith(".mlp.gate.weight"):
            return name
        return name.replace("mlp.gate", router.module)

    def _rounded(self, x: Tensor) -> Tensor:
        return x.bfloat16().float() if self._floats == "bfloat16" else x


def _read(stored: Stored) -> Tensor:
    out = torch.empty(stored.shape, dtype=TYPES[stored.dtype])
    read_into(stored, out.view(torch.uint8).numpy())
    return out


def reference_logits(
    folder: Path, floats: str, texts: list[list[int]], told: Callable[[int, int, Tensor], None]
) -> None:
    """`told` gets (row, first position, float32 logits (positions, vocabulary)) of all texts, in pieces.

    The texts are a batch padded on the right, which a causal model does not see. One layer, or the head's table, is in
    memory beside the hidden states.
    """
    weights = Folder(folder, floats)
    names, divisor = weights.architecture.names, weights.architecture.numbers.logits_divisor
    model = _skeleton(folder, names)
    longest = max(map(len, texts))
    ids_NT = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in texts])
    with torch.inference_mode():
        for index, layer in enumerate(model.get_submodule(names.layers)):
            _visit(layer, names.layer(index), weights)
        weights.fill(model.get_submodule(names.last_norm), f"{names.last_norm}.")
        states_NTE = model.base_model(
            inputs_embeds=weights.embedded(ids_NT), use_cache=False
        ).last_hidden_state
        head = weights.matrix(names.head if weights.has(names.head) else names.embedding)
        for row, ids in enumerate(texts):
            for first in range(0, len(ids), _POSITIONS):
                logits = head(states_NTE[row, first : min(len(ids), first + _POSITIONS)])
                told(row, first, logits / divisor)


def _skeleton(folder: Path, names: Names) -> Any:
    """transformers' decoder on no device, its rotary embedding alone computed."""
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    config = AutoConfig.from_pretrained(folder)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    model.set_submodule(names.rotary, type(model.get_submodule(names.rotary))(config=config))
    return model


def _visit(layer: nn.Module, prefix: str, weights: Folder) -> None:
    """The layer has weights while it runs."""

    def come(module: nn.Module, given: Any) -> None:
        weights.fill(module, prefix)

    def go(module: nn.Module, given: Any, out: Any) -> None:
        module.to("meta")

    layer.register_forward_pre_hook(come)
    layer.register_forward_hook(go)
