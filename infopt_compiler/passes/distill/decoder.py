"""A decoder for training: its layers from any depth on, and its head apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.architectures import Family, Numbers, find_family, read_numbers

from .training.errors import BadStudent


@dataclass(frozen=True)
class Parts:
    """transformers' modules of a decoder by its family's description, and the numbers between them."""

    family: Family
    numbers: Numbers
    embedding: nn.Module
    layers: Any  # nn.ModuleList
    norm: nn.Module
    rotary: nn.Module


def parts_of(model: Any) -> Parts:
    """AttributeError where the model has no such modules."""
    family = find_family(model.config.model_type)
    names = (getattr(family.names, part) for part in ("embedding", "layers", "last_norm", "rotary"))
    return Parts(family, read_numbers(family, vars(model.config)), *map(model.get_submodule, names))


def load_decoder(folder: Path, device: str = "cpu") -> Any:
    """transformers' causal language model in float32. Raises BadStudent where it is not built as Llama is."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as wrong:
        raise BadStudent(f"{folder.name} cannot be loaded: {wrong}") from wrong
    try:
        parts_of(model)
    except AttributeError as wrong:
        raise BadStudent(f"`{model.config.model_type}` is not a Llama-like decoder") from wrong
    model.config.use_cache = False
    return model.to(device)


def run_layers(model: Any, h_BSD: Tensor, first: int, last: int | None = None) -> Tensor:
    """The layers `first` … `last` − 1 on hidden states; causal, since sdpa is without a mask."""
    positions = torch.arange(h_BSD.shape[1], device=h_BSD.device).unsqueeze(0)
    parts = parts_of(model)
    rotary = parts.rotary(h_BSD, positions)
    for layer in parts.layers[first:last]:
        out = layer(h_BSD, position_embeddings=rotary, attention_mask=None, position_ids=positions)
        h_BSD = out[0] if isinstance(out, tuple) else out
    return h_BSD


def embed(model: Any, ids_BS: Tensor) -> Tensor:
    """Hidden states before the first layer, float32 whatever the table is kept in."""
    scale = parts_of(model).numbers.embedding_scale
    found = rows(model, ids_BS)
    return found if scale == 1.0 else found * scale


def rows(model: Any, ids_BS: Tensor) -> Tensor:
    """What the table of words has, float32: the `inputs_embeds` of transformers, which multiplies them itself."""
    found: Tensor = parts_of(model).embedding(ids_BS).float()
    return found


def finish(model: Any, h_BSD: Tensor) -> Tensor:
    """What the head sees of the tokens that predict another: (B · (S − 1), D), divided by what logits are divided by."""
    h: Tensor = parts_of(model).norm(h_BSD)[:, :-1]
    return over_divisor(model, h.reshape(-1, h.shape[-1]))


def over_divisor(model: Any, h_ND: Tensor) -> Tensor:
    """So that the head's product gives logits."""
    divisor = parts_of(model).numbers.logits_divisor
    return h_ND if divisor == 1.0 else h_ND / divisor


def head_weight(model: Any) -> Tensor:
    """(V, D); the embedding's where both are tied."""
    weight: Tensor = model.get_output_embeddings().weight
    return weight


def shared_layers(teacher: Any, student: Any) -> int:
    """How many layers from the bottom, embedding included, the student has as the teacher has them, number by number.

    What goes in and comes out of these is the teacher's own. 0 where the embeddings differ.
    """
    theirs, ours = parts_of(teacher), parts_of(student)
    if not _same(theirs.embedding, ours.embedding):
        return 0
    count = 0
    for own, other in zip(ours.layers, theirs.layers, strict=False):
        if not _same(own, other):
            break
        count += 1
    return count


def _same(one: nn.Module, other: nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        first[name].shape == second[name].shape and bool(torch.equal(first[name], second[name]))
        for name in first
    )
