"""The whole model in transformers, without ever holding the whole: each layer's weights come when it runs and go after it.

What a sharded run is compared with. Integer weights are the floats that they stand for (`artifacts.quantized`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.sources.tensors import Tensor as Stored

from .architecture import Architecture
from .errors import Unsupported
from .files import read_into, read_part
from .matrices import FloatMatrix, IntegerMatrix, Matrix
from .weights import TYPES
from .write import source_tensors

EMBEDDING, HEAD = "model.embed_tokens", "lm_head"
_POSITIONS = 32  # whose logits are held at once
_FUSED = {"gate_up_proj": (("gate_proj", "up_proj"), ("w1", "w3")), "down_proj": (("down_proj",), ("w2",))}


class Folder:
    """The weights that a Hugging Face or QuantizedModel folder stands for, read one at a time."""

    def __init__(self, folder: Path, floats: str) -> None:
        self._stored = source_tensors(folder)
        self._architecture = Architecture.from_folder(folder)
        self._floats = floats

    def has(self, module: str) -> bool:
        return f"{module}.weight" in self._stored or f"{module}.qweight" in self._stored

    def matrix(self, module: str) -> Matrix:
        """As it is stored: integers stay integers."""
        if f"{module}.weight" in self._stored:
            return FloatMatrix(self.tensor(f"{module}.weight"), torch.float32)
        bits, group = self._architecture.format_of(module)
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
        stored = self._stored[f"{EMBEDDING}.weight"]
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
        if leaf in _FUSED and head.endswith("mlp.experts"):
            for expert in range(parameter.shape[0]):
                parameter[expert].copy_(self._fused(f"{self._renamed(head)}.{expert}", leaf))
            return
        parameter.copy_(self.tensor(self._renamed(name)))

    def _fused(self, expert: str, leaf: str) -> Tensor:
        """transformers 5 stacks the experts of a layer, and gate above up."""
        names = next(names for names in _FUSED[leaf] if self.has(f"{expert}.{names[0]}"))
        return torch.cat([self.tensor(f"{expert}.{name}.weight") for name in names])

    def _renamed(self, name: str) -> str:
        """Mixtral's files call the network of a layer `block_sparse_moe`."""
        other = name.replace(".mlp.", ".block_sparse_moe.")
        return other if any(stored.startswith(other) for stored in self._stored) else name

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
    weights, base = Folder(folder, floats), _skeleton(folder)
    longest = max(map(len, texts))
    ids_NT = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in texts])
    with torch.inference_mode():
        for index, layer in enumerate(base.layers):
            _visit(layer, f"model.layers.{index}.", weights)
        weights.fill(base.norm, "model.norm.")
        states_NTE = base(inputs_embeds=weights.embedded(ids_NT), use_cache=False).last_hidden_state
        head = weights.matrix(HEAD if weights.has(HEAD) else EMBEDDING)
        for row, ids in enumerate(texts):
            for first in range(0, len(ids), _POSITIONS):
                told(row, first, head(states_NTE[row, first : min(len(ids), first + _POSITIONS)]))


def _skeleton(folder: Path) -> Any:
    """transformers' decoder on no device, its rotary embedding alone computed."""
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    config = AutoConfig.from_pretrained(folder)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    base = model.model
    if not hasattr(base, "rotary_emb"):
        raise Unsupported(f"cannot compare a `{config.model_type}` model layer by layer")
    base.rotary_emb = type(base.rotary_emb)(config=config)
    return base


def _visit(layer: nn.Module, prefix: str, weights: Folder) -> None:
    """The layer has weights while it runs."""

    def come(module: nn.Module, given: Any) -> None:
        weights.fill(module, prefix)

    def go(module: nn.Module, given: Any, out: Any) -> None:
        module.to("meta")

    layer.register_forward_pre_hook(come)
    layer.register_forward_hook(go)
