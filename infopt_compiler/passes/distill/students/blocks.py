"""A teacher in pieces: its embedding, its layers one at a time, what comes out, and how two outcomes differ.

Legend of shapes: B windows, S tokens, D hidden size, P scored positions, V words.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.architectures import Family, Place, Role, Site, find_family
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.pooling import read_pooling
from infopt_compiler.passes.distill.amounts import COMPARED, SCORED
from infopt_compiler.passes.distill.decoder import embed, over_divisor, parts_of


class Blocks(ABC):
    """`ids_BS` are the windows on which the model is observed; all layers run on them as one batch."""

    def __init__(self, model: Any, names: list[str]) -> None:
        self.model, self.family = model, find_family(model.config.model_type)
        block = self.family.block
        self.attention_out = block.linear(
            Role.attention_out
        ).module  # by its name in the layer, as the others
        self.mlp_out, self.mlp_in = block.linear(Role.down).module, block.modules(Site.mlp_in)
        self.prefix = f"{self.family.names.layers}."
        self.modules: nn.ModuleList = model.get_submodule(self.family.names.layers)
        state = model.state_dict()
        self.tensors: dict[str, Tensor] = {name: state[name] for name in state if name in names}

    def observe(self, ids_BS: Tensor) -> None:
        """Take other windows."""
        self.ids_BS = ids_BS

    def run(self) -> Tensor:
        """The outcome of the whole model."""
        return self.outcome(self.states())

    def states(self) -> Tensor:
        """(B, S, D): what the last layer gives."""
        h_BSD = self.embedded()
        for index in range(self.layers):
            h_BSD = self.block(index, h_BSD)
        return h_BSD

    @property
    def layers(self) -> int:
        """How many the model has."""
        return len(self.modules)

    @abstractmethod
    def embedded(self) -> Tensor:
        """(B, S, D): what the first layer sees."""

    @abstractmethod
    def block(self, index: int, h_BSD: Tensor) -> Tensor:
        """What layer `index` gives for this input."""

    @abstractmethod
    def outcome(self, h_BSD: Tensor) -> Tensor:
        """What the model says for the last layer's output."""

    @abstractmethod
    def divergence(self, reference: Tensor, outcome: Tensor) -> float:
        """How far an outcome is from the reference's: 0 for equal ones."""

    def apart(self, other: Blocks) -> float:
        """How far another model on the same windows is from this one."""
        return self.divergence(self.run(), other.run())

    @abstractmethod
    def token_weights(self) -> Tensor:
        """(B, S): 1 for tokens that count, 0 for the others."""

    def output(self, index: int) -> nn.Linear:
        """The last linear of a layer."""
        linear = self.modules[index].get_submodule(self.mlp_out)
        assert isinstance(linear, nn.Linear)
        return linear

    def shortfall(self, index: int, h_BSD: Tensor, target_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """Run a layer: what its last linear gets (B, S, K), and what that linear's output lacks (B, S, D) for the layer
        to give the target."""
        x_BSK, out_BSD = self._watch(index, h_BSD, self.mlp_out)
        return x_BSK, target_BSD - out_BSD

    def _watch(self, index: int, h_BSD: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """What a module of a layer gets, and what the layer gives."""
        held: list[Tensor] = []
        module = self.modules[index].get_submodule(name)
        hook = module.register_forward_pre_hook(lambda _, inputs: held.append(inputs[0]))
        out_BSD = self.block(index, h_BSD)
        hook.remove()
        return held[0], out_BSD


class DecoderBlocks(Blocks):
    """A Llama-like decoder; outcomes are log-probabilities (P, V), their divergence KL(reference ‖ outcome) in nats."""

    def embedded(self) -> Tensor:
        h_BSD = embed(self.model, self.ids_BS)
        positions = torch.arange(self.ids_BS.shape[1]).unsqueeze(0)
        self._positions = positions
        self._rotary = parts_of(self.model).rotary(h_BSD, positions)
        return h_BSD

    def block(self, index: int, h_BSD: Tensor) -> Tensor:
        # without a mask transformers' sdpa is causal
        out: Tensor = self.modules[index](
            h_BSD,
            attention_mask=None,
            position_ids=self._positions,
            position_embeddings=self._rotary,
            use_cache=False,
        )
        return out

    def outcome(self, h_BSD: Tensor) -> Tensor:
        scored_PD = h_BSD[:, SCORED - 1 :: SCORED].reshape(-1, h_BSD.shape[-1]).float()
        with torch.autocast("cpu", enabled=False):
            seen_PD = over_divisor(self.model, parts_of(self.model).norm(scored_PD))
            return torch.log_softmax(self.model.get_output_embeddings()(seen_PD), dim=-1)

    def divergence(self, reference: Tensor, outcome: Tensor) -> float:
        return float((reference.exp() * (reference - outcome)).sum(-1).mean())

    def apart(self, other: Blocks) -> float:
        """A few windows at a time: outcomes of all of them would be gigabytes."""
        ours, theirs = self.states(), other.states()
        slices = [slice(at, at + COMPARED) for at in range(0, len(ours), COMPARED)]
        found = [
            self.divergence(self.outcome(ours[at]), other.outcome(theirs[at])) * len(ours[at])
            for at in slices
        ]
        return sum(found) / len(ours)

    def token_weights(self) -> Tensor:
        """The first token of a window is where attention rests; its states are huge and fitted by nothing."""
        weights = torch.ones(self.ids_BS.shape)
        weights[:, 0] = 0
        return weights


class EncoderBlocks(Blocks):
    """A BERT; outcomes are pooled vectors of length 1 (B, D), their divergence 1 − cosine. Padding is the config's."""

    def __init__(self, model: Any, names: list[str], pooling: str) -> None:
        super().__init__(model, names)
        self._pooling = pooling

    def observe(self, ids_BS: Tensor) -> None:
        super().observe(ids_BS)
        self._real_BS = ids_BS != (self.model.config.pad_token_id or 0)
        self._mask = self._real_BS[:, None, None, :]

    def embedded(self) -> Tensor:
        h_BSD: Tensor = self.model.get_submodule(self.family.names.embedder)(input_ids=self.ids_BS)
        return h_BSD

    def block(self, index: int, h_BSD: Tensor) -> Tensor:
        out: Tensor = self.modules[index](h_BSD, attention_mask=self._mask)
        return out

    def outcome(self, h_BSD: Tensor) -> Tensor:
        if self._pooling == "cls":
            pooled_BD = h_BSD[:, 0]
        else:
            weight = self._real_BS[:, :, None].float()
            pooled_BD = (h_BSD.float() * weight).sum(1) / weight.sum(1)
        return nn.functional.normalize(pooled_BD, dim=-1)

    def shortfall(self, index: int, h_BSD: Tensor, target_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """The norm stands behind the residual: both are compared before its gain and shift, at the student's scale."""
        norm = self.family.block.norm(Place.mlp_added)
        assert norm is not None  # an encoder's layer ends with one
        sum_BSD, out_BSD = self._watch(index, h_BSD, norm.module)
        x_BSK, _ = self._watch(index, h_BSD, self.mlp_out)
        gain = self.modules[index].get_submodule(norm.module).weight
        return x_BSK, (target_BSD - out_BSD) / gain * sum_BSD.std(dim=-1, keepdim=True)

    def divergence(self, reference: Tensor, outcome: Tensor) -> float:
        return float(1 - (reference * outcome).sum(-1).mean())

    def token_weights(self) -> Tensor:
        return self._real_BS.float()


def open_blocks(teacher: Path, ids_BS: Tensor) -> Blocks:
    """The model of a Hugging Face folder in fp32, observed on `ids_BS`."""
    from transformers import AutoModel, AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    family = ModelSpec.from_folder(teacher).family
    encoder = not family.generates
    opener = AutoModel if encoder else AutoModelForCausalLM
    model = opener.from_pretrained(
        teacher, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )
    model.eval().requires_grad_(False)
    names = _stored_names(teacher, family)
    blocks: Blocks
    if encoder:
        blocks = EncoderBlocks(model, names, read_pooling(teacher).mode)
    else:
        blocks = DecoderBlocks(model, names)
    blocks.observe(ids_BS)
    return blocks


def _stored_names(folder: Path, family: Family) -> list[str]:
    """Tensors in the folder's files: neither tied ones nor heads that loading makes up."""
    from safetensors import safe_open

    names: list[str] = []
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            names += [family.names.plain(name) for name in opened.keys()]  # noqa: SIM118
    return names
