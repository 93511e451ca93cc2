"""A decoder in pieces: transformers' own layers, one at a time, with weights streamed from safetensors.

The block is Llama's (pre-norm, residual around attention and around the MLP) by the names that the family's description
gives; attention, rotary embedding, norms and activation are transformers' modules.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from infopt_compiler.architectures import Ability, Block, Place, Role, Site, find_family, read_numbers

from .errors import BadModel, NonFinite


class Weights:
    """Named tensors of a Hugging Face folder (one file or shards), each read when asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file_of: dict[str, str] = {}
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise BadModel(
                "the model has no `*.safetensors`", help="convert its weights to safetensors first"
            )
        for file in files:
            try:
                with safe_open(file, "pt") as opened:
                    self._file_of.update(dict.fromkeys(opened.keys(), file.name))
            except SafetensorError as error:
                raise BadModel(f"`{file.name}` is damaged or cut short: {error}") from error

    def __contains__(self, name: str) -> bool:
        return name in self._file_of

    def read(self, name: str, shape: torch.Size | None = None) -> Tensor:
        """One tensor as float32. Raises BadModel if missing or of another shape, NonFinite if it holds inf or nan."""
        if name not in self._file_of:
            raise BadModel(f"the model has no tensor `{name}`")
        with safe_open(self.folder / self._file_of[name], "pt") as opened:
            tensor: Tensor = opened.get_tensor(name).float()
        if shape is not None and tensor.shape != shape:
            raise BadModel(f"`{name}` has shape {list(tensor.shape)}, config.json says {list(shape)}")
        if not bool(torch.isfinite(tensor).all()):
            raise NonFinite(f"the weights `{name}` are not all finite")
        return tensor


class Layer:
    """One decoder layer whose two output projections are taken out, so that their inputs can be seen."""

    def __init__(self, module: nn.Module, weights: dict[str, Tensor], block: Block, residual: float) -> None:
        """`residual`: what is added to the stream is multiplied by it."""
        self.module: Any = module
        self.block, self.residual = block, residual
        self.linears = tuple(linear.module for linear in block.linears())
        self.weights = {name: weights[f"{name}.weight"] for name in self.linears}
        self.biases = {name: weights.get(f"{name}.bias") for name in self.linears}
        module.load_state_dict(weights, assign=True)
        module.requires_grad_(False)
        self._attention = module.get_submodule(block.linear(Role.attention_out).parent)
        self._mlp = module.get_submodule(block.linear(Role.down).parent)
        self._outs = block.modules(Site.attention_out) + block.modules(Site.mlp_out)
        for name in self._outs:
            module.set_submodule(name, nn.Identity())

    def replace(self, name: str, weight_RK: Tensor) -> None:
        """Use these values for a linear from now on."""
        self.weights[name] = weight_RK
        if name not in self._outs:
            self.module.get_submodule(name).weight.data = weight_RK

    def attention_input(self, h: Tensor) -> Tensor:
        """What q, k and v see."""
        return self._norm(Place.attention_in)(h)

    def attend(self, h: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        """What the output projection of attention sees; causal, since transformers' sdpa is without a mask."""
        out, _ = self._attention(
            hidden_states=self.attention_input(h), position_embeddings=rotary, attention_mask=None
        )
        return out

    def mlp_input(self, h: Tensor) -> Tensor:
        """What gate and up see."""
        return self._norm(Place.mlp_in)(h)

    def activate(self, h: Tensor) -> Tensor:
        """What the down projection sees."""
        out: Tensor = self._mlp(self.mlp_input(h))
        return out

    def project(self, name: str, x: Tensor) -> Tensor:
        """What an output projection, attention's or the MLP's, adds to the stream."""
        out = nn.functional.linear(x, self.weights[name], self.biases[name])
        return out if self.residual == 1.0 else out * self.residual

    def _norm(self, place: Place) -> Any:
        norm = self.block.norm(place)
        assert norm is not None  # of a family that can be quantized
        return self.module.get_submodule(norm.module)


class Decoder:
    """The layers of a causal language model in a Hugging Face folder."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoConfig, AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.weights = Weights(folder)
        self.config = AutoConfig.from_pretrained(folder, local_files_only=True)
        self.config._attn_implementation = "sdpa"
        with torch.device("meta"):
            self._model: Any = AutoModelForCausalLM.from_config(self.config, dtype=torch.float32).eval()
        self.family = find_family(self.config.model_type)
        if not (self.family.can(Ability.quantize) and self.family.generates):
            raise BadModel(f"`{self.config.model_type}` is not a Llama-like decoder")
        self.names, self.numbers = self.family.names, read_numbers(self.family, vars(self.config))
        self._layers = self._model.get_submodule(self.names.layers)
        self.layers = len(self._layers)
        self._rotary = type(self._model.get_submodule(self.names.rotary))(config=self.config)

    def layer_tensors(self, index: int) -> dict[str, Tensor]:
        """Read one layer's tensors, by their names inside the layer. Raises BadModel if one is missing."""
        prefix, wanted = self.names.layer(index), self._layers[index].state_dict()
        return {name: self.weights.read(prefix + name, tensor.shape) for name, tensor in wanted.items()}

    def layer(self, index: int, tensors: dict[str, Tensor]) -> Layer:
        """transformers' module for a layer over these tensors, which it shares and never writes to."""
        module = copy.deepcopy(self._layers[index])
        return Layer(module, tensors, self.family.block, self.numbers.residual_scale)

    def rotary(self, batch_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines for positions 0..S-1."""
        positions = torch.arange(batch_BSD.shape[1]).unsqueeze(0)
        cosine, sine = self._rotary(batch_BSD, positions)
        return cosine, sine

    def final_norm(self) -> nn.Module:
        """The norm before the head."""
        norm: nn.Module = self._model.get_submodule(self.names.last_norm)
        weight = {"weight": self.weights.read(self.norm, norm.state_dict()["weight"].shape)}
        norm.load_state_dict(weight, assign=True)
        return norm.requires_grad_(False)

    @property
    def tied(self) -> bool:
        """Whether the head's weights are the embedding's."""
        return self.head not in self.weights

    @property
    def embedding(self) -> str:
        """The tensor of the embedding's table."""
        return f"{self.names.embedding}.weight"

    @property
    def head(self) -> str:
        return f"{self.names.head}.weight"

    @property
    def norm(self) -> str:
        """The gains of the norm before the head."""
        return f"{self.names.last_norm}.weight"
