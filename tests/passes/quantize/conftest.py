"""Tiny real decoders, and a text to calibrate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

HIDDEN, INTERMEDIATE, VOCABULARY = 64, 128, 96


def tiny_config(model_type: str, tied: bool) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(
        model_type,
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        vocab_size=VOCABULARY,
        max_position_embeddings=128,
        tie_word_embeddings=tied,
        sliding_window=None,
    )


def save_tiny(folder: Path, model_type: str = "llama", *, tied: bool = True) -> Path:
    """A random decoder with a few loud channels, as real ones have, saved like a downloaded model."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = tiny_config(model_type, tied)
    config.architectures = [type(AutoModelForCausalLM.from_config(config)).__name__]
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.mul_(torch.exp(0.7 * torch.randn_like(parameter)))
            else:
                parameter.add_(0.08 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="session")
def windows() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, VOCABULARY, (12, 32), generator=generator)
