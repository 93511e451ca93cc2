"""Qwen3 (arXiv 2505.09388): queries and keys are normalized head by head; biases by configuration."""

from dataclasses import replace

from infopt_compiler.architectures.families import llama, mistral, qwen2
from infopt_compiler.architectures.parts import Block, Norm, Place

NORMS = (*llama.NORMS, Norm("self_attn.q_norm", Place.query), Norm("self_attn.k_norm", Place.key))
BLOCK = Block(llama.ATTENTION, mistral.MLP, NORMS)

FAMILY = replace(qwen2.FAMILY, name="qwen3", classes=("Qwen3ForCausalLM",), block=BLOCK)
