"""GGUF files written by the gguf package from a tiny Llama: what is imported is what was written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter, dequantize, quantize
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.sources import SourceError
from infopt_compiler.sources.gguf_header import read_gguf_header
from infopt_compiler.sources.gguf_model import import_gguf

TOKENS = ["<unk>", "<|im_start|>", "<|im_end|>", *(chr(33 + n) for n in range(59)), "!!", "Ġ"]
HEADS, KV_HEADS = 4, 2
_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "model.layers.": "blk.",
}


def quiet(done: float, total: float, message: str) -> None:
    return None


def tiny(tied: bool) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(TOKENS),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=128,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config).eval()


def _permute(weights: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp keeps the halves of a rotation interleaved (`convert_hf_to_gguf.py`, LlamaModel.permute)."""
    return weights.reshape(heads, 2, -1, weights.shape[1]).swapaxes(1, 2).reshape(weights.shape)


def write_gguf(
    path: Path, model: LlamaForCausalLM, kind: GGMLQuantizationType, architecture: str = "llama"
) -> Path:
    writer = GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([2, 3, 3, *[1] * (len(TOKENS) - 3)])
    writer.add_token_merges(["! !"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        weights = tensor.numpy()
        if "q_proj" in name or "k_proj" in name:
            weights = _permute(weights, HEADS if "q_proj" in name else KV_HEADS)
        for ours, theirs in _NAMES.items():
            name = name.replace(ours, theirs)
        if weights.ndim == 1:
            writer.add_tensor(name, weights)
        else:
            writer.add_tensor(name, quantize(weights, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("tied", [True, False])
def test_the_weights_and_the_configuration_arrive(tmp_path, tied):
    model = tiny(tied)
    path = write_gguf(tmp_path / "tiny.gguf", model, GGMLQuantizationType.F32)
    folder = tmp_path / "out"
    folder.mkdir()
    facts = import_gguf(path, folder, quiet)
    assert facts["architecture"] == "LlamaForCausalLM" and facts["quantized_as"] == "F32"
    found = load_file(folder / "model.safetensors")
    assert ("lm_head.weight" in found) is not tied
    assert all(torch.equal(found[name], model.state_dict()[name]) for name in found)
    again = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.arange(5, 40)[None]
    with torch.no_grad():
        assert (again(ids).logits - model(ids).logits).abs().max() < 1e-5
    config = json.loads((folder / "config.json").read_text())
    assert config["dtype"] == "float32" and "quantization_config" not in config
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == 2
    assert AutoTokenizer.from_pretrained(folder).eos_token == "<|im_end|>"


def test_blocks_are_dequantized_as_gguf_does(tmp_path):
    model = tiny(True)
    path = write_gguf(tmp_path / "tiny.gguf", model, GGMLQuantizationType.Q4_1)
    (tmp_path / "out").mkdir()
    facts = import_gguf(path, tmp_path / "out", quiet)
    assert facts["quantized_as"] == "Q4_1" and "Q4_1" in facts["note"]
    weights = model.state_dict()["model.layers.1.mlp.up_proj.weight"].numpy()
    kind = GGMLQuantizationType.Q4_1
    expected = torch.from_numpy(dequantize(quantize(weights, kind), kind))
    found = load_file(tmp_path / "out" / "model.safetensors")["model.layers.1.mlp.up_proj.weight"]
    assert found.dtype == torch.float32 and torch.equal(found, expected)


@pytest.mark.parametrize("tied", [True, False])
def test_the_header_gives_the_spec_of_the_import(tmp_path, tied):
    path = write_gguf(tmp_path / "tiny.gguf", tiny(tied), GGMLQuantizationType.Q8_0)
    with path.open("rb") as file:
        header = read_gguf_header(file)
    assert header.weight_type == "Q8_0" and header.lengths["tokenizer.ggml.tokens"] == len(TOKENS)
    (tmp_path / "out").mkdir()
    import_gguf(path, tmp_path / "out", quiet)
    assert header.spec() == ModelSpec.from_folder(tmp_path / "out")


@pytest.mark.parametrize("keep", [0, 10, 200, 2000, -20_000])
def test_a_file_that_is_cut_short(tmp_path, keep):
    path = write_gguf(tmp_path / "tiny.gguf", tiny(True), GGMLQuantizationType.F32)
    path.write_bytes(path.read_bytes()[:keep])
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError) as wrong:
        import_gguf(path, tmp_path / "out", quiet)
    assert wrong.value.code in ("E0605", "E0606")


def test_an_architecture_that_transformers_cannot_read(tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", tiny(True), GGMLQuantizationType.F32, "rwkv7")
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError) as wrong:
        import_gguf(path, tmp_path / "out", quiet)
    assert wrong.value.code == "E0613" and "rwkv7" in str(wrong.value)


@pytest.mark.parametrize(
    "data", [b"GGML" + b"\0" * 60, b"GGUF" + b"\xff" * 60, b"GGUF\3\0\0\0" + b"\xff" * 60]
)
def test_what_is_no_gguf(tmp_path, data):
    (tmp_path / "a.gguf").write_bytes(data)
    with pytest.raises(SourceError) as wrong, (tmp_path / "a.gguf").open("rb") as file:
        read_gguf_header(file)
    assert wrong.value.code in ("E0605", "E0606")
