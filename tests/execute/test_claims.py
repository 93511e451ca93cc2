"""What a pass promised, held against what it wrote."""

from __future__ import annotations

from dataclasses import replace

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.model_spec import WeightFormat
from infopt_compiler.execute.claims import _one_table

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


def test_a_head_in_another_format_than_the_embedding_is_no_longer_tied():
    """`quantize` with `head_bits = 4, embedding_bits = 8` writes two tables, and its folder says so."""
    linear, four, eight = WeightFormat(4, 64), WeightFormat(4, 32), WeightFormat(8, 32)
    promised = TIED.with_format(linear, four, eight)
    written = replace(promised, tied=False)
    assert _one_table(promised) == _one_table(written)
    assert _one_table(TIED.with_format(linear, four, four)).tied
