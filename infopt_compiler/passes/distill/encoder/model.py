"""A BERT in the pieces that its training looks at: states of tokens, one vector for a text, attention.

Legend of shapes: B texts, S tokens, D hidden size, H heads, K head size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.architectures import Role, find_family
from infopt_compiler.artifacts.pooling import Pooling, read_pooling


@dataclass(frozen=True)
class Encoded:
    """`real` (B, S) is false at padding; `before` and `after` (B, S, D): states around the last layer; `vector` (B, D)."""

    real: Tensor
    before: Tensor
    after: Tensor
    vector: Tensor


class Encoder:
    """transformers' BERT of a folder in fp32, without its heads. Dropout only between `model.train()` and `.eval()`."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()  # heads that are left out are no news
        self.model: Any = AutoModel.from_pretrained(
            folder,
            dtype=torch.float32,
            attn_implementation="sdpa",
            local_files_only=True,
            add_pooling_layer=False,
        ).eval()
        self.family = find_family(self.model.config.model_type)
        self.pooling: Pooling = read_pooling(folder)
        self.padding = int(self.model.config.pad_token_id or 0)

    @property
    def layers(self) -> nn.ModuleList:
        layers: nn.ModuleList = self.model.get_submodule(self.family.names.layers)
        return layers

    def encode(self, ids_BS: Tensor) -> Encoded:
        """The whole model."""
        real_BS = ids_BS != self.padding
        before_BSD: Tensor = self.model.get_submodule(self.family.names.embedder)(input_ids=ids_BS)
        for layer in self.layers[:-1]:
            before_BSD = layer(before_BSD, attention_mask=real_BS[:, None, None])
        return self.last(before_BSD, real_BS)

    def last(self, before_BSD: Tensor, real_BS: Tensor) -> Encoded:
        """From what the last layer sees."""
        after_BSD = self.layers[-1](before_BSD, attention_mask=real_BS[:, None, None])
        return Encoded(real_BS, before_BSD, after_BSD, self.pool(after_BSD, real_BS))

    def pool(self, h_BSD: Tensor, real_BS: Tensor) -> Tensor:
        """As the folder says; not normalised."""
        if self.pooling.mode == "cls":
            return h_BSD[:, 0]
        weight = real_BS[:, :, None].to(h_BSD.dtype)
        return (h_BSD * weight).sum(1) / weight.sum(1).clamp(min=1e-9)

    def relations(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Log of the last layer's attention, and of the relation among its values, both (B, H, S, S)."""
        heads, layer = self.model.config.num_attention_heads, self.layers[-1]

        def split(role: Role) -> Tensor:
            linear = layer.get_submodule(self.family.block.linear(role).module)
            return linear(encoded.before).unflatten(-1, (heads, -1)).transpose(1, 2)

        query, key, value = (split(role) for role in (Role.query, Role.key, Role.value))
        hidden = ~encoded.real[:, None, None]
        return _relation(query, key, hidden), _relation(value, value, hidden)


def _relation(one_BHSK: Tensor, other_BHSK: Tensor, hidden: Tensor) -> Tensor:
    scores = one_BHSK @ other_BHSK.transpose(-1, -2) / one_BHSK.shape[-1] ** 0.5
    return scores.masked_fill(hidden, -1e9).log_softmax(-1)
