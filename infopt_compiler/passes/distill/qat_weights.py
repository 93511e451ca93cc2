"""Quantization-aware training: integers and scales are what is trained, on the very grid that ships.

A weight of the forward is (round(u) − zero) · scale, clamped to the integers of its grid. `u` is held in units of
integers and moves through the rounding (straight-through estimator, arXiv 1308.3432); the scale's gradient is exact
for the integers at hand (LSQ, arXiv 1902.08153). Starting values give the quantized student, bit for bit; inside its
cell each `u` starts on the side of the teacher's weight, so that a weight that was pushed from its nearest integer may
return. It does not start at the edge: there one step of Adam, whose size says nothing of how sure it is, would undo half
of what the quantizer weighed up together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from infopt_compiler.architectures import find_family
from infopt_compiler.artifacts.quantized import dequantize_folder
from infopt_compiler.passes.quantize.packing import pack, unpack

from .training.errors import BadStudent

MOVE = 5.0  # integers per unit of the parameter: with Adam, a step moves `u` by at most this times the learning rate
_EDGE = 0.3  # how far from its integer a `u` may start


@dataclass
class Matrix:
    """One quantized linear: `zero_RG1` whole numbers; `base_RG` the scales that it came with."""

    bits: int
    group: int
    symmetric: bool
    u_RK: nn.Parameter  # in units of 1 / MOVE integers, from `start_RK`
    start_RK: Tensor
    stretch_RG: nn.Parameter  # scale = base · (1 + stretch)
    base_RG: Tensor
    zero_RG1: Tensor

    def integers(self) -> Tensor:
        """Whole numbers, float32 (R, K)."""
        u = torch.add(self.start_RK, self.u_RK.detach(), alpha=MOVE)
        return u.round_().clamp_(0, (1 << self.bits) - 1)

    def take(self, integers_RK: Tensor) -> None:
        """Others to start from."""
        self.start_RK = integers_RK

    def scales(self) -> Tensor:
        return self.base_RG * (1 + self.stretch_RG.detach())

    def weight(self) -> Tensor:
        """Float32 (R, K)."""
        q = self.integers()
        blocks = q.view(*self.base_RG.shape, self.group)
        blocks.sub_(self.zero_RG1).mul_(self.scales().unsqueeze(-1))
        return q

    def gradients(self, gradient_RK: Tensor) -> None:
        """From the gradient of the weight to those of what is trained."""
        blocks = gradient_RK.view(*self.base_RG.shape, self.group)
        centred = self.integers().view_as(blocks).sub_(self.zero_RG1)
        self.stretch_RG.grad = (blocks * centred).sum(-1).mul_(self.base_RG)
        self.u_RK.grad = (blocks * (MOVE * self.scales()).unsqueeze(-1)).view_as(gradient_RK)


@dataclass
class Norm:
    """A norm's gains learn by shares of themselves, as scales do: those near 0 hold down the channels of massive activations
    (M. Sun et al., arXiv 2402.17762), and a step that is small beside the others would be many times such a gain."""

    used_D: nn.Parameter
    base_D: Tensor
    stretch_D: nn.Parameter

    def collect_gradient(self) -> None:
        if self.used_D.grad is not None:
            self.stretch_D.grad = self.used_D.grad.float() * self.base_D
            self.used_D.grad = None


class QatWeights:
    """`Weights` of a quantized student: its layers' linears, its norms and, with `head`, its head's integers.

    The embedding stays as it is; so does a head whose table the embedding shares.
    """

    sharded: frozenset[str] = frozenset()

    def __init__(self, model: Any, folder: Path, teacher: Any, *, head: bool, floats16: bool) -> None:
        self.masters: dict[str, nn.Parameter] = {}
        self.matrices: dict[str, Matrix] = {}
        self.norms: dict[str, Norm] = {}
        described = json.loads((folder / "config.json").read_text("utf-8"))["quantization_config"]
        shared = described.get("embedding", {}).get("shared_with_head", False)
        exact = dict(teacher.named_parameters())
        family = find_family(model.config.model_type)
        exact.setdefault(f"{family.names.head}.weight", teacher.get_output_embeddings().weight)
        self._used = dict(model.named_parameters())
        model.requires_grad_(False)
        for module, tensors in quantized_modules(folder).items():
            if module == family.names.head and (shared or not head):
                continue
            name = f"{module}.weight"
            if name not in exact or exact[name].shape != self._used[name].shape:
                raise BadStudent(
                    f"`{module}` is not of the teacher's shape: the student is no quantization of it"
                )
            settings = {**described, **described.get("overrides", {}).get(module, {})}
            matrix = _matrix(tensors, settings, exact[name].detach().float())
            self.matrices[module] = matrix
            self.masters |= {f"{module}.u": matrix.u_RK, f"{module}.stretch": matrix.stretch_RG}
            self._used[name].requires_grad_(True)
        for name, parameter in model.named_parameters():
            if family.is_norm(name):
                stretch_D = nn.Parameter(torch.zeros_like(parameter))
                self.norms[name] = Norm(parameter.requires_grad_(True), parameter.detach().clone(), stretch_D)
                self.masters[f"{name}.stretch"] = stretch_D
            if floats16 and parameter.dim() > 1:
                parameter.data = parameter.data.bfloat16()

    def collect_gradients(self) -> None:
        for module, matrix in self.matrices.items():
            used = self._used[f"{module}.weight"]
            if used.grad is not None:
                matrix.gradients(used.grad.float())
                used.grad = None
        for norm in self.norms.values():
            norm.collect_gradient()

    def weights_changed(self) -> None:
        with torch.no_grad():
            for module, matrix in self.matrices.items():
                self._used[f"{module}.weight"].copy_(matrix.weight())
            for norm in self.norms.values():
                norm.used_D.copy_(norm.base_D * (1 + norm.stretch_D))

    def whole(self) -> dict[str, Tensor]:
        """The stored tensors that changed, by their names in the folder."""
        found = {}
        for module, matrix in self.matrices.items():
            found[f"{module}.qweight"] = pack(matrix.integers().cpu(), matrix.bits)
            found[f"{module}.scales"] = matrix.scales()
        return found | {name: norm.used_D.detach() for name, norm in self.norms.items()}

    def changed(self) -> float:
        """Share of the integers that are others than at the start."""
        pairs = [(m.integers() != m.start_RK.round(), m) for m in self.matrices.values()]
        total = sum(int(m.start_RK.numel()) for _, m in pairs)
        return sum(int(moved.sum()) for moved, _ in pairs) / max(1, total)


def _matrix(tensors: dict[str, Tensor], settings: dict[str, Any], exact_RK: Tensor) -> Matrix:
    bits, group = settings["bits"], settings["group_size"]
    tensors = {name: tensor.to(exact_RK.device) for name, tensor in tensors.items()}
    scales = tensors["scales"].float()
    rows, groups = scales.shape
    q = unpack(tensors["qweight"], bits, groups * group).float()
    zero = torch.full((rows, groups), float(1 << (bits - 1)), device=scales.device)
    if not settings["symmetric"]:
        zero = unpack(tensors["qzeros"], bits, groups).float()
    zero = zero.unsqueeze(-1)
    nearest = (exact_RK.view(rows, groups, group) / scales.unsqueeze(-1) + zero).view_as(q)
    start = torch.minimum(torch.maximum(nearest, q - _EDGE), q + _EDGE)
    parameters = nn.Parameter(torch.zeros_like(q)), nn.Parameter(torch.zeros_like(scales))
    return Matrix(bits, group, settings["symmetric"], parameters[0], start, parameters[1], scales, zero)


def quantized_modules(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Module → its stored tensors (`qweight`, `scales`, `qzeros`); the embedding's own table is not among them."""
    found: dict[str, dict[str, Tensor]] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        with safe_open(shard, "pt") as opened:
            for name in sorted(opened.keys()):
                module, _, leaf = name.rpartition(".")
                if leaf in ("qweight", "scales", "qzeros"):
                    found.setdefault(module, {})[leaf] = opened.get_tensor(name)
    return found


def load_quantized(folder: Path) -> Any:
    """transformers' decoder with the float32 weights that the folder's integers stand for."""
    from transformers import AutoConfig, AutoModelForCausalLM

    state = {name: torch.as_tensor(weight) for name, weight in dequantize_folder(folder)}
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    del config.quantization_config
    head = f"{find_family(config.model_type).names.head}.weight"
    if head in state:
        config.tie_word_embeddings = False
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")
    missing, unexpected = model.load_state_dict(state, strict=False)
    tied = {head} if config.tie_word_embeddings else set()
    if unexpected or set(missing) - tied:
        raise BadStudent(
            f"the quantized weights do not fit the model: missing {missing}, unexpected {unexpected}"
        )
    model.tie_weights()
    model.config.use_cache = False
    return model
