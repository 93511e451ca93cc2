"""A decoder for training: its layers from any depth on, and its head apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .training.errors import BadStudent


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
    inner = getattr(model, "model", None)
    if not all(hasattr(inner, part) for part in ("layers", "norm", "rotary_emb", "embed_tokens")):
        raise BadStudent(f"`{model.config.model_type}` is not a Llama-like decoder")
    model.config.use_cache = False
    return model.to(device)


def run_layers(model: Any, h_BSD: Tensor, first: int, last: int | None = None) -> Tensor:
    """The layers `first` … `last` − 1 on hidden states; causal, since sdpa is without a mask."""
    positions = torch.arange(h_BSD.shape[1], device=h_BSD.device).unsqueeze(0)
    rotary = model.model.rotary_emb(h_BSD, positions)
    for layer in model.model.layers[first:last]:
        out = layer(h_BSD, position_embeddings=rotary, attention_mask=None, position_ids=positions)
        h_BSD = out[0] if isinstance(out, tuple) else out
    return h_BSD


def embed(model: Any, ids_BS: Tensor) -> Tensor:
    """Hidden states before the first layer, float32 whatever the table is kept in."""
    found: Tensor = model.model.embed_tokens(ids_BS).float()
    return found


def finish(model: Any, h_BSD: Tensor) -> Tensor:
    """What the head sees of the tokens that predict another: (B · (S − 1), D)."""
    h: Tensor = model.model.norm(h_BSD)[:, :-1]
    return h.reshape(-1, h.shape[-1])


def head_weight(model: Any) -> Tensor:
    """(V, D); the embedding's where both are tied."""
    weight: Tensor = model.get_output_embeddings().weight
    return weight


def shared_layers(teacher: Any, student: Any) -> int:
    """How many layers from the bottom, embedding included, the student has as the teacher has them, number by number.

    What goes in and comes out of these is the teacher's own. 0 where the embeddings differ.
    """
    if not _same(teacher.model.embed_tokens, student.model.embed_tokens):
        return 0
    count = 0
    for own, other in zip(student.model.layers, teacher.model.layers, strict=False):
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
