"""An architecture: Llama's layers under another name."""

from __future__ import annotations

from dataclasses import replace

from infopt_compiler.architectures.families import llama

FAMILY = replace(llama.FAMILY, name="example", classes=("ExampleForCausalLM",))
