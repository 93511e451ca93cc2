"""Granite 3 (IBM): Llama with factors on embedded words, scores, what is added to the stream, and logits."""

from dataclasses import replace

from infopt_compiler.architectures.families import llama
from infopt_compiler.architectures.keys import Scales

FAMILY = replace(
    llama.FAMILY,
    name="granite",
    classes=("GraniteForCausalLM",),
    scales=Scales(
        embedding="embedding_multiplier",
        attention="attention_multiplier",
        residual="residual_multiplier",
        logits="logits_scaling",
    ),
)
