"""SmolLM3: Llama, some of whose layers leave positions out (NoPE, arXiv 2501.18795); those may slide a window."""

from dataclasses import replace

from infopt_compiler.architectures.families import llama
from infopt_compiler.architectures.keys import Window

FAMILY = replace(
    llama.FAMILY,
    name="smollm3",
    classes=("SmolLM3ForCausalLM",),
    rope_theta=2e6,
    window=Window("sliding_window", switch="use_sliding_window", unrotated=True),
)
