"""What is assumed of a model that no description fits: shapes as of Llama. Nothing is done with it that needs a tensor's name."""

from dataclasses import replace

from infopt_compiler.architectures.families import llama, qwen3_moe
from infopt_compiler.architectures.family import Ability, Refusal

FAMILY = replace(
    llama.FAMILY,
    name="unknown",
    classes=(),
    block=replace(llama.BLOCK, experts=qwen3_moe.EXPERTS, router=qwen3_moe.ROUTER),
    refuses=tuple(Refusal(ability) for ability in Ability),
)
