"""A quantized student's integers fitted in closed form, before any training: each linear answers to what reaches it.

A quantizer asks of each linear that it does with the student's inputs what the teacher's weights would do with them. Here it
is asked for what the teacher's linear gives on the teacher's own inputs (asymmetric calibration: GPTAQ, arXiv 2504.02692), and
the two linears that write to the residual stream are asked to bring the student's stream to the teacher's, so that later
layers make good what earlier ones left, as `heal` does in floats. Targets are least squares with a ridge towards the teacher's
weights; the integers that come near them are found by coordinate descent, from those that the student has.

Legend of shapes: B windows, S tokens, N = B · S, D hidden size, R rows, K columns of a linear.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.passes.distill.amounts import REFIT_SWEEPS
from infopt_compiler.passes.distill.grid_weights import GridWeights, Matrix
from infopt_compiler.passes.distill.students.depth import Progress
from infopt_compiler.passes.distill.students.integers import descend
from infopt_compiler.passes.distill.training.errors import BadStudent

DAMP = 0.03  # ridge towards the teacher's weights, as a share of the Gram matrix's mean diagonal
_PARTS = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
_SLICE = 16  # windows of a forward pass


def refit(
    teacher: Any, student: Any, weights: GridWeights, ids_BS: Tensor, progress: Progress
) -> list[float]:
    """Change the integers of `weights` and the student's own weights with them. For each layer, and then for the head where
    its integers are its own: what is left of the error of its linears, as a share, on average.

    `teacher` and `student`: transformers' decoders in float32. Raises BadStudent where layers are not built as Llama's.
    """
    layers = teacher.model.layers
    if {name for name, _ in layers[0].named_children()} != _PARTS or not hasattr(layers[0].mlp, "gate_proj"):
        raise BadStudent("`refit` knows layers with the parts of Llama's only", help="leave `refit` out")
    with torch.no_grad():
        walk = _Walk(teacher, student, weights, ids_BS)
        left = []
        for index in range(len(layers)):
            progress(index, len(layers), f"fitting the integers of layer {index + 1} of {len(layers)}")
            left.append(walk.layer(index))
        return [*left, *walk.head()]


class _Walk:
    """Both models in step: `taught` and `own` are their residual streams (B, S, D) in front of the next layer."""

    def __init__(self, teacher: Any, student: Any, weights: GridWeights, ids_BS: Tensor) -> None:
        self.teacher, self.student, self.weights = teacher, student, weights
        self.taught, self.own = teacher.model.embed_tokens(ids_BS), student.model.embed_tokens(ids_BS)
        positions = torch.arange(ids_BS.shape[1], device=ids_BS.device).unsqueeze(0)
        self.rotary = teacher.model.rotary_emb(self.taught, positions)

    def layer(self, index: int) -> float:
        """Fit one layer's linears in the order in which they are asked, and go on to the next layer."""
        theirs, ours = self.teacher.model.layers[index], self.student.model.layers[index]
        name = f"model.layers.{index}."
        seen, given = (layer.input_layernorm(h) for layer, h in ((theirs, self.taught), (ours, self.own)))
        left = self._inner(name + "self_attn.", theirs.self_attn, ours.self_attn, "qkv", seen, given)
        self.taught = self.taught + self._attention(theirs, seen)[1]
        mixed, _ = self._attention(ours, given)
        left.append(
            self._outer(name + "self_attn.o_proj", mixed, theirs.self_attn.o_proj, ours.self_attn.o_proj)
        )
        seen, given = (
            layer.post_attention_layernorm(h) for layer, h in ((theirs, self.taught), (ours, self.own))
        )
        left += self._inner(name + "mlp.", theirs.mlp, ours.mlp, ("gate", "up"), seen, given)
        self.taught = self.taught + _sliced(theirs.mlp, seen)
        active = _sliced(lambda x: ours.mlp.act_fn(ours.mlp.gate_proj(x)) * ours.mlp.up_proj(x), given)
        left.append(self._outer(name + "mlp.down_proj", active, theirs.mlp.down_proj, ours.mlp.down_proj))
        return sum(left) / max(1, len(left))

    def head(self) -> list[float]:
        matrix = self.weights.matrices.get("lm_head")
        if matrix is None:
            return []
        seen, given = self.teacher.model.norm(self.taught), self.student.model.norm(self.own)
        exact = self.teacher.get_output_embeddings()
        return [_fit_inner(matrix, exact, self.student.get_output_embeddings(), seen, given)]

    def _attention(self, layer: Any, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What the last linear of a layer's attention gets, and what it gives."""
        held: list[Tensor] = []
        hook = layer.self_attn.o_proj.register_forward_pre_hook(lambda _, inputs: held.append(inputs[0]))
        out = _sliced(
            lambda x: layer.self_attn(x, position_embeddings=self.rotary, attention_mask=None)[0], seen
        )
        hook.remove()
        return torch.cat(held), out

    def _inner(
        self, name: str, theirs: nn.Module, ours: nn.Module, heads: Any, seen: Tensor, given: Tensor
    ) -> list[float]:
        """Linears that read a norm's output."""
        return [
            _fit_inner(
                self.weights.matrices[f"{name}{head}_proj"],
                theirs.get_submodule(f"{head}_proj"),
                ours.get_submodule(f"{head}_proj"),
                seen,
                given,
            )
            for head in heads
            if f"{name}{head}_proj" in self.weights.matrices
        ]

    def _outer(self, name: str, x_BSK: Tensor, theirs: Any, ours: Any) -> float:
        """A linear that writes to the stream. Tokens count by direction, since a norm reads them."""
        matrix = self.weights.matrices.get(name)
        left = 1.0
        if matrix is not None:
            weight_N1 = 1 / self.taught.square().mean(-1).sqrt().clamp(min=1e-12).flatten()[:, None]
            x_NK = x_BSK.flatten(0, 1) * weight_N1
            missing_ND = (self.taught - self.own - _sliced(theirs, x_BSK)).flatten(0, 1) * weight_N1
            gram_KK = x_NK.T @ x_NK
            change_KR = torch.linalg.solve(_damped(gram_KK), x_NK.T @ missing_ND)
            left = descend(matrix, theirs.weight + change_KR.T, gram_KK, REFIT_SWEEPS)
            ours.weight.copy_(matrix.weight())
        self.own = self.own + _sliced(ours, x_BSK)
        return left


def _fit_inner(matrix: Matrix, theirs: Any, ours: Any, seen_BSK: Tensor, given_BSK: Tensor) -> float:
    """Integers by which `given` becomes what the teacher's weights make of `seen`."""
    seen_NK, given_NK = seen_BSK.flatten(0, 1), given_BSK.flatten(0, 1)
    gram_KK = given_NK.T @ given_NK
    crossed_KK = (seen_NK - given_NK).T @ given_NK
    change_RK = torch.linalg.solve(_damped(gram_KK), (theirs.weight @ crossed_KK).T).T
    left = descend(matrix, theirs.weight + change_RK, gram_KK, REFIT_SWEEPS)
    ours.weight.copy_(matrix.weight())
    return left


def _damped(gram_KK: Tensor) -> Tensor:
    return gram_KK + DAMP * gram_KK.diagonal().mean() * torch.eye(len(gram_KK), device=gram_KK.device)


def _sliced(function: Any, x_BSK: Tensor) -> Tensor:
    """In slices of windows, so that what a forward pass holds stays small."""
    return torch.cat([function(x_BSK[at : at + _SLICE]) for at in range(0, len(x_BSK), _SLICE)])
