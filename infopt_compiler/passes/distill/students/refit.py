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

from infopt_compiler.architectures import Linear, Place, Role, Site
from infopt_compiler.passes.distill.amounts import REFIT_SWEEPS
from infopt_compiler.passes.distill.decoder import embed, parts_of
from infopt_compiler.passes.distill.qat_weights import Matrix, QatWeights
from infopt_compiler.passes.distill.students.depth import Progress
from infopt_compiler.passes.distill.students.integers import descend
from infopt_compiler.passes.distill.training.errors import BadStudent

DAMP = 0.03  # ridge towards the teacher's weights, as a share of the Gram matrix's mean diagonal
_NORMED = {Place.attention_in, Place.mlp_in, Place.query, Place.key}
_SLICE = 16  # windows of a forward pass


def refit(teacher: Any, student: Any, weights: QatWeights, ids_BS: Tensor, progress: Progress) -> list[float]:
    """Change the integers of `weights` and the student's own weights with them. For each layer, and then for the head where
    its integers are its own: what is left of the error of its linears, as a share, on average.

    `teacher` and `student`: transformers' decoders in float32. Raises BadStudent where layers are not built as Llama's.
    """
    block, layers = parts_of(teacher).family.block, parts_of(teacher).layers
    modules = [linear.module for linear in block.linears()] + [norm.module for norm in block.norms]
    known = {module.partition(".")[0] for module in modules}
    odd = {norm.place for norm in block.norms} - _NORMED or known != {
        name for name, _ in layers[0].named_children()
    }
    if odd or any(len(linear.roles) > 1 for linear in block.linears()) or Role.gate not in block.roles:
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

    def __init__(self, teacher: Any, student: Any, weights: QatWeights, ids_BS: Tensor) -> None:
        self.teacher, self.student, self.weights = teacher, student, weights
        self.theirs, self.ours = parts_of(teacher), parts_of(student)
        self.block, self.scale = self.theirs.family.block, self.theirs.numbers.residual_scale
        self.taught, self.own = embed(teacher, ids_BS), embed(student, ids_BS)
        positions = torch.arange(ids_BS.shape[1], device=ids_BS.device).unsqueeze(0)
        self.rotary = self.theirs.rotary(self.taught, positions)

    def layer(self, index: int) -> float:
        """Fit one layer's linears in the order in which they are asked, and go on to the next layer."""
        theirs, ours = self.theirs.layers[index], self.ours.layers[index]
        name = self.theirs.family.names.layer(index)
        attention_out, down = self.block.linear(Role.attention_out), self.block.linear(Role.down)
        seen, given = self._normed(theirs, ours, Place.attention_in)
        left = self._inner(name, theirs, ours, Site.attention_in, seen, given)
        self.taught = self._added(self.taught, self._attention(theirs, attention_out, seen)[1])
        mixed, _ = self._attention(ours, attention_out, given)
        left.append(self._outer(name, attention_out, theirs, ours, mixed))
        seen, given = self._normed(theirs, ours, Place.mlp_in)
        left += self._inner(name, theirs, ours, Site.mlp_in, seen, given)
        self.taught = self._added(self.taught, _sliced(theirs.get_submodule(down.parent), seen))
        active, _ = _watched(ours.get_submodule(down.parent), ours.get_submodule(down.module), given)
        left.append(self._outer(name, down, theirs, ours, active))
        return sum(left) / max(1, len(left))

    def head(self) -> list[float]:
        matrix = self.weights.matrices.get(self.theirs.family.names.head)
        if matrix is None:
            return []
        seen, given = self.theirs.norm(self.taught), self.ours.norm(self.own)
        exact = self.teacher.get_output_embeddings()
        return [_fit_inner(matrix, exact, self.student.get_output_embeddings(), seen, given)]

    def _normed(self, theirs: Any, ours: Any, place: Place) -> tuple[Tensor, Tensor]:
        """What the linears behind a norm get, in the teacher and in the student."""
        norm = self.block.norm(place)
        assert norm is not None  # `refit` refuses others
        return theirs.get_submodule(norm.module)(self.taught), ours.get_submodule(norm.module)(self.own)

    def _added(self, stream: Tensor, out: Tensor) -> Tensor:
        return stream + self._scaled(out)

    def _scaled(self, out: Tensor) -> Tensor:
        return out if self.scale == 1.0 else out * self.scale

    def _attention(self, layer: Any, out: Linear, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What the last linear of a layer's attention gets, and what it gives."""
        attention = layer.get_submodule(out.parent)

        def attend(x_BSD: Tensor) -> Tensor:
            found: Tensor = attention(x_BSD, position_embeddings=self.rotary, attention_mask=None)[0]
            return found

        return _watched(attend, layer.get_submodule(out.module), seen)

    def _inner(
        self, name: str, theirs: nn.Module, ours: nn.Module, site: Site, seen: Tensor, given: Tensor
    ) -> list[float]:
        """Linears that read a norm's output."""
        return [
            _fit_inner(
                self.weights.matrices[name + module],
                theirs.get_submodule(module),
                ours.get_submodule(module),
                seen,
                given,
            )
            for module in self.block.modules(site)
            if name + module in self.weights.matrices
        ]

    def _outer(self, name: str, linear: Linear, teacher: Any, student: Any, x_BSK: Tensor) -> float:
        """A linear that writes to the stream. Tokens count by direction, since a norm reads them."""
        theirs, ours = teacher.get_submodule(linear.module), student.get_submodule(linear.module)
        matrix, left = self.weights.matrices.get(name + linear.module), 1.0
        if matrix is not None:
            weight_N1 = 1 / self.taught.square().mean(-1).sqrt().clamp(min=1e-12).flatten()[:, None]
            x_NK = x_BSK.flatten(0, 1) * weight_N1
            missing_BSD = self.taught - self.own - self._scaled(_sliced(theirs, x_BSK))
            missing_ND = missing_BSD.flatten(0, 1) * weight_N1 / self.scale
            gram_KK = x_NK.T @ x_NK
            change_KR = torch.linalg.solve(_damped(gram_KK), x_NK.T @ missing_ND)
            left = descend(matrix, theirs.weight + change_KR.T, gram_KK, REFIT_SWEEPS)
            ours.weight.copy_(matrix.weight())
        self.own = self._added(self.own, _sliced(ours, x_BSK))
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


def _watched(function: Any, linear: nn.Module, x_BSK: Tensor) -> tuple[Tensor, Tensor]:
    """What the linear gets while the function runs, and what the function gives."""
    held: list[Tensor] = []
    hook = linear.register_forward_pre_hook(lambda _, inputs: held.append(inputs[0]))
    out = _sliced(function, x_BSK)
    hook.remove()
    return torch.cat(held), out


def _sliced(function: Any, x_BSK: Tensor) -> Tensor:
    """In slices of windows, so that what a forward pass holds stays small."""
    return torch.cat([function(x_BSK[at : at + _SLICE]) for at in range(0, len(x_BSK), _SLICE)])
