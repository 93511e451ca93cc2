"""Shapes of models for the tests of `shard`."""

from infopt_compiler.artifacts import ModelSpec, WeightFormat

SMOLLM2 = ModelSpec.from_config(
    {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": 30,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    }
)
LLAMA_70B = ModelSpec.from_config(
    {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": 80,
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
    }
)
MIXTURE = ModelSpec.from_config(
    {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "num_hidden_layers": 4,
        "hidden_size": 64,
        "intermediate_size": 128,
        "moe_intermediate_size": 32,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "vocab_size": 256,
        "max_position_embeddings": 512,
    }
)


def quantized(spec: ModelSpec, group: int = 32, symmetric: bool = True) -> ModelSpec:
    """Four bits in the layers, eight in one table for head and embedding."""
    table = WeightFormat(8, 32, True)
    return spec.with_format(WeightFormat(4, group, symmetric), table, table)
