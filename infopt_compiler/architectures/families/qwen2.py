"""Qwen2 and Qwen2.5 (arXiv 2407.10671): Llama with biases on q, k and v, and a window that upper layers may slide."""

from dataclasses import replace

from infopt_compiler.architectures.families import mistral
from infopt_compiler.architectures.keys import Window
from infopt_compiler.architectures.parts import Bias

_Q, _K, _V, _O = mistral.ATTENTION
ATTENTION = (*(replace(one, bias=Bias.always) for one in (_Q, _K, _V)), _O)
WINDOW = Window("sliding_window", switch="use_sliding_window", since="max_window_layers")

FAMILY = replace(
    mistral.FAMILY,
    name="qwen2",
    classes=("Qwen2ForCausalLM",),
    block=replace(mistral.FAMILY.block, attention=ATTENTION),
    window=WINDOW,
)
