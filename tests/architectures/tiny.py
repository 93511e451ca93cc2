"""A tiny configuration of every described family, as transformers has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infopt_compiler.architectures import Family

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,  # not hidden / heads
    "vocab_size": 300,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
ENCODER = {key: size for key, size in SIZES.items() if key not in ("num_key_value_heads", "head_dim")}
MIXTURE = {
    "num_local_experts": 4,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
}

OWN: dict[str, dict[str, Any]] = {  # what a family computes with that others do not
    "granite": {
        "embedding_multiplier": 6.0,
        "attention_multiplier": 0.3,
        "residual_multiplier": 0.22,
        "logits_scaling": 4.0,
    },
    "mistral": {"sliding_window": 9},
    "smollm3": {"no_rope_layers": [1, 0]},
}

NOT_BUILT: dict[str, dict[str, Any]] = {  # what the builder of onnxruntime-genai cannot carry of it
    "mistral": {"sliding_window": None},
    "smollm3": {"no_rope_layers": [1, 1]},
}


def tiny_config(family: Family, **changes: Any) -> Any:
    """transformers' configuration: fewer key/value heads than heads, heads wider than hidden / heads, both where there can be."""
    from transformers import AutoConfig

    sizes = SIZES if family.generates else ENCODER
    mixture = MIXTURE if family.block.experts else {}
    if family.name == "mixtral":  # an expert is as wide as the layer
        mixture = {key: value for key, value in mixture.items() if key.startswith("num_")}
    own = OWN.get(family.name, {})
    config = AutoConfig.for_model(family.name, **{**sizes, **mixture, **own, **changes})
    config.architectures = [family.classes[0]]
    return config


def model_of(config: Any, **options: Any) -> Any:
    """transformers' model of the configuration's class."""
    import transformers

    cls = getattr(transformers, config.architectures[0])
    return cls._from_config(config, **options)


def write_model(folder: Path, family: Family, **changes: Any) -> Path:
    """A random model of the family with a tokenizer; norms and biases are not what they are made as."""
    import torch

    from tests.passes.export.models import write_tokenizer

    folder.mkdir(parents=True)
    write_tokenizer(folder)
    words = len(json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2} if family.generates else {}
    torch.manual_seed(0)
    model = model_of(tiny_config(family, vocab_size=words, initializer_range=0.2, **ends, **changes))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if family.is_norm(name):
                parameter.mul_(torch.exp(0.5 * torch.randn_like(parameter)))
            elif name.endswith(".bias"):
                parameter.normal_(std=0.2)
    model.save_pretrained(folder)
    return folder
