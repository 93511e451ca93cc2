"""Mixtral (arXiv 2401.04088): Mistral with experts, whose shares of a token sum up to 1."""

from dataclasses import replace

from infopt_compiler.architectures.families import mistral, qwen3_moe
from infopt_compiler.architectures.parts import Linear, Role

EXPERTS = (
    Linear("block_sparse_moe.experts.{expert}.w1", (Role.gate,)),
    Linear("block_sparse_moe.experts.{expert}.w3", (Role.up,)),
    Linear("block_sparse_moe.experts.{expert}.w2", (Role.down,)),
)
ROUTER = Linear("block_sparse_moe.gate", (Role.router,))

FAMILY = replace(
    mistral.FAMILY,
    name="mixtral",
    classes=("MixtralForCausalLM",),
    block=replace(mistral.FAMILY.block, experts=EXPERTS, router=ROUTER),
    epsilon=1e-5,
    rope_theta=1e6,
    normed_experts=True,
    refuses=qwen3_moe.ONLY_SHARDED,
)
