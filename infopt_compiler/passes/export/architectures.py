"""The decoder architectures that the onnxruntime-genai builder turns into ONNX, as data.

Source: `create_model` of `onnxruntime_genai.models.builder`, version 0.18.0; a test holds this table against
the installed builder. Vision, speech and draft models are left out: this pass exports text decoders.
"""

from __future__ import annotations

BUILDER_ARCHITECTURES: tuple[str, ...] = (
    "Ernie4_5ForCausalLM",
    "Gemma2ForCausalLM",
    "Gemma3ForCausalLM",
    "GemmaForCausalLM",
    "GptOssForCausalLM",
    "GraniteForCausalLM",
    "GraniteMoeHybridForCausalLM",
    "HunYuanDenseV1ForCausalLM",
    "InternLM2ForCausalLM",
    "Lfm2ForCausalLM",
    "Lfm2MoeForCausalLM",
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "NemotronForCausalLM",
    "OlmoForCausalLM",
    "Phi3ForCausalLM",
    "Phi3SmallForCausalLM",
    "PhiForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "SmolLM3ForCausalLM",
)
