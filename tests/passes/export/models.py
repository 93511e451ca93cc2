"""Tiny Llamas, whole and in integers, with a byte-level tokenizer of the SmolLM2 kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TEXTS = ["the quick brown fox, 1234 times\n    def f(x): return x\n", "héllo 世界 ½ it's we're\tdone  "] * 8


def write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)


def write_llama(
    folder: Path,
    *,
    tied: bool = True,
    hidden: int = 64,
    heads: int = 4,
    kv_heads: int = 2,
    intermediate: int = 128,
) -> Path:
    """A float LlamaForCausalLM of two layers with its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True)
    write_tokenizer(folder)
    vocabulary = len(json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=32,
        max_position_embeddings=512,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_quantized(
    source: Path,
    folder: Path,
    *,
    bits: int = 4,
    symmetric: bool = True,
    head: int = 8,
    embedding: str = "shared",
) -> Path:
    """The olive folder of `source` by plain rounding; head 32: float; embedding: shared, own or float."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    weights = load_file(source / "model.safetensors")
    table = weights.pop("model.embed_tokens.weight")
    head_weight = weights.pop("lm_head.weight", table)
    tensors: dict[str, np.ndarray] = {}
    for name, weight in weights.items():
        if name.endswith("_proj.weight"):
            tensors |= _integers(name.removesuffix(".weight"), weight, bits, symmetric)
        else:
            tensors[name] = weight
    overrides = {}
    quantization = {"quant_method": "olive", "bits": bits, "group_size": 32, "symmetric": symmetric}
    if head == 32:
        tensors["model.embed_tokens.weight"] = table
        if head_weight is not table:
            tensors["lm_head.weight"] = head_weight
    else:
        tensors |= _integers("lm_head", head_weight, head, symmetric)
        overrides["lm_head"] = {"bits": head, "group_size": 32, "symmetric": symmetric}
        shared = {"shared_with_head": embedding == "shared", "bits": head, "group_size": 32}
        if embedding != "float":
            quantization["embedding"] = {**shared, "symmetric": symmetric}
        if embedding == "own":
            (folder / "embedding").mkdir()
            own = _integers("model.embed_tokens", table, head, symmetric)
            save_file(own, folder / "embedding" / "table.safetensors")
        tensors["model.embed_tokens.weight"] = table  # what its integers stand for, roughly
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["tie_word_embeddings"] = (head == 32 and head_weight is table) or (
        head != 32 and embedding == "shared"
    )
    config["quantization_config"] = {**quantization, "overrides": overrides}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def _integers(module: str, weight: np.ndarray, bits: int, symmetric: bool) -> dict[str, np.ndarray]:
    groups = weight.reshape(weight.shape[0], -1, 32).astype(np.float32)
    top, middle = (1 << bits) - 1, 1 << (bits - 1)
    if symmetric:
        scales = np.abs(groups).max(-1) / (middle - 1)
        zeros = np.full(scales.shape, middle)
    else:
        low, high = np.minimum(groups.min(-1), 0), np.maximum(groups.max(-1), 0)
        scales = (high - low) / top
        zeros = np.clip(np.round(-low / np.where(scales == 0, 1, scales)), 0, top)
    scales = np.where(scales == 0, 1, scales)  # the row of the padding token is zero
    codes = np.clip(np.round(groups / scales[..., None]) + zeros[..., None], 0, top)
    tensors = {
        f"{module}.qweight": _packed(codes.reshape(weight.shape).astype(np.uint8), bits),
        f"{module}.scales": scales.astype(np.float32),
    }
    if not symmetric:
        tensors[f"{module}.qzeros"] = _packed(zeros.astype(np.uint8), bits)
    return tensors


def _packed(codes: np.ndarray, bits: int) -> np.ndarray:
    if bits == 8:
        return codes
    padded = np.pad(codes, ((0, 0), (0, codes.shape[1] % 2)))
    return np.ascontiguousarray(padded[:, 0::2] | (padded[:, 1::2] << 4))
