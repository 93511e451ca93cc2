"""Qwen3's mixture of experts (arXiv 2505.09388): Qwen3's attention, a router and experts of three linears each."""

from dataclasses import replace

from infopt_compiler.architectures.families import qwen3
from infopt_compiler.architectures.family import Ability, Refusal
from infopt_compiler.architectures.keys import Window
from infopt_compiler.architectures.parts import Linear, Role

EXPERTS = (
    Linear("mlp.experts.{expert}.gate_proj", (Role.gate,)),
    Linear("mlp.experts.{expert}.up_proj", (Role.up,)),
    Linear("mlp.experts.{expert}.down_proj", (Role.down,)),
)
ROUTER = Linear("mlp.gate", (Role.router,))
ONLY_SHARDED = (
    Refusal(Ability.quantize),
    Refusal(Ability.distill),
    Refusal(Ability.export),
    Refusal(Ability.export_quantized),
)

FAMILY = replace(
    qwen3.FAMILY,
    name="qwen3_moe",
    classes=("Qwen3MoeForCausalLM",),
    block=replace(qwen3.BLOCK, experts=EXPERTS, router=ROUTER),
    window=Window("sliding_window", switch="use_sliding_window"),
    refuses=ONLY_SHARDED,
)
