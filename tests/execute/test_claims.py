"""What a pass promised, held against what it wrote."""

from __future__ import annotations

from dataclasses import replace

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.model_spec import WeightFormat
from infopt_compiler.execute.claims import _shapes

TIED = ModelSpec.from_config(
    {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": 1,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "vocab_size": 256,
        "tie_word_embeddings": True,
    }
)


def test_formats_that_a_folder_does_not_state_are_no_broken_promise():
    """`quantize` with `head_bits = 4, embedding_bits = 8` writes two tables; an encoder's folder does not say how its words lie."""
    linear, four, eight = WeightFormat(4, 64), WeightFormat(4, 32), WeightFormat(8, 32)
    promised = TIED.with_format(linear, four, eight)
    assert _shapes(promised) == _shapes(replace(promised, tied=False)) == _shapes(TIED)
    assert _shapes(replace(promised, layers=2)) != _shapes(promised)
