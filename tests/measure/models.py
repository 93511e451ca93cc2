"""Tiny Llamas with a real tokenizer and chat template, exported by onnxruntime-genai's own builder."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}<|assistant|>"
SPECIAL = ["<|end|>", "<|user|>", "<|assistant|>"]
# What `ByteLevel` splits by, spelled out: the runtime's tokenizer reads only this form.
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def corpus() -> str:
    from pydoc_data.topics import topics

    return "\n\n".join(topics.values())


def write_tokenizer(folder: Path, merges: int = 100) -> int:
    """A byte-level BPE trained on a little text; the size of its vocabulary."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(WORDS), "isolated")
    bytes_step = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_step])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(SPECIAL) + merges,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([corpus()[:50_000]], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|end|>",
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return int(tokenizer.get_vocab_size(with_added_tokens=True))


def write_llama(
    folder: Path, *, layers: int = 2, hidden: int = 64, merges: int = 100, padding: int = 5
) -> Path:
    """A random Llama in fp32; its vocabulary has `padding` entries that the tokenizer lacks."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True)
    vocabulary = write_tokenizer(folder, merges) + padding
    torch.manual_seed(layers)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.2,
        bos_token_id=0, eos_token_id=0, pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def export(source: Path, folder: Path, precision: str = "fp32") -> Path:
    from onnxruntime_genai.models import builder

    arguments = ("", str(source), str(folder), precision, "cpu", f"{folder}-cache")
    with contextlib.redirect_stdout(io.StringIO()):
        builder.create_model(*arguments, **builder.parse_extra_options(*arguments, []))
    # The builder rewrites the tokenizer through transformers; the tests want the one that was trained.
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    return folder
