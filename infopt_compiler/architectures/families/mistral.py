"""Mistral (arXiv 2310.06825): Llama without biases, a sliding window in all layers."""

from dataclasses import replace

from infopt_compiler.architectures.families import llama
from infopt_compiler.architectures.keys import Window
from infopt_compiler.architectures.parts import Bias

ATTENTION = tuple(replace(one, bias=Bias.never) for one in llama.ATTENTION)
MLP = tuple(replace(one, bias=Bias.never) for one in llama.MLP)

FAMILY = replace(
    llama.FAMILY,
    name="mistral",
    classes=("MistralForCausalLM",),
    block=replace(llama.BLOCK, attention=ATTENTION, mlp=MLP),
    window=Window("sliding_window"),
)
