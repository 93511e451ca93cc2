from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from infopt_compiler.sources.gguf_tokenizer import (
    PRE_TOKENIZERS,
    GgufTokenizerError,
    read_vocabulary,
    write_tokenizer,
)

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXTS = ["in 2026 there were  1234 foxes\n    return x\n", "héllo 世界 it's  done\r\n\t"] * 8
TEMPLATE = "{% for m in messages %}{{ '<|im_start|>' + m['content'] + '<|im_end|>' }}{% endfor %}"


@pytest.fixture(scope="module")
def original() -> Tokenizer:
    """SmolLM2's kind: digits one by one, then GPT-2's words, then bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def _write_gguf(path: Path, original: Tokenizer, **changes: Any) -> Path:
    from gguf import GGUFWriter

    content = json.loads(original.to_str())["model"]
    tokens = sorted(content["vocab"], key=content["vocab"].get)
    fields = {"model": "gpt2", "pre": "smollm", "add_bos": False, **changes}
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_tokenizer_model(fields["model"])
    writer.add_tokenizer_pre(fields["pre"])
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in content["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(fields["add_bos"])
    writer.add_chat_template(TEMPLATE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_the_files_give_the_originals_ids(original: Tokenizer, tmp_path: Path):
    from transformers import AutoTokenizer

    write_tokenizer(_write_gguf(tmp_path / "m.gguf", original), tmp_path)
    reference = AutoTokenizer.from_pretrained(tmp_path)
    for text in ["", "a  12", "Year 2026, 1234.5", "\n\n  x\r\n\ty", "héllo 世界 🙂", "½ ٣ 12", *TEXTS]:
        ids = reference(text).input_ids
        assert ids == original.encode(text).ids
        assert reference.decode(ids) == text
    assert reference("<|im_start|>hi<|im_end|>").input_ids[0] == 1


def test_a_digit_is_never_joined_with_its_neighbours(original: Tokenizer, tmp_path: Path):
    """transformers' conversion leaves this step out: two spaces before a digit then become other ids."""
    write_tokenizer(_write_gguf(tmp_path / "m.gguf", original), tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("a  12").tokens[-2:] == ["1", "2"]
    assert tokenizer.encode("a  12").tokens[1:-2] == original.encode("a  ").tokens[1:]


def test_special_tokens_and_chat_template(original: Tokenizer, tmp_path: Path):
    from transformers import AutoTokenizer

    write_tokenizer(_write_gguf(tmp_path / "m.gguf", original), tmp_path)
    reference = AutoTokenizer.from_pretrained(tmp_path)
    named = (reference.bos_token, reference.eos_token, reference.pad_token, reference.unk_token)
    assert named == ("<|im_start|>", "<|im_end|>", "<|im_end|>", "<|endoftext|>")
    assert reference.model_max_length == 512
    rendered = reference.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert rendered == "<|im_start|>x<|im_end|>"
    assert (tmp_path / "chat_template.jinja").read_text("utf-8") == TEMPLATE


def test_a_begin_token_is_added_where_the_file_says_so(original: Tokenizer, tmp_path: Path):
    write_tokenizer(_write_gguf(tmp_path / "m.gguf", original, add_bos=True), tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("x").ids[0] == 1


@pytest.mark.parametrize("pre", sorted(PRE_TOKENIZERS))
def test_every_known_pre_tokenizer_is_readable(pre: str, original: Tokenizer, tmp_path: Path):
    write_tokenizer(_write_gguf(tmp_path / "m.gguf", original, pre=pre), tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.decode(tokenizer.encode("it's 123\n").ids) == "it's 123\n"


def test_what_cannot_be_written_exactly_is_refused(original: Tokenizer, tmp_path: Path):
    with pytest.raises(GgufTokenizerError, match="pre-tokenizer 'dbrx' is not known"):
        read_vocabulary(_write_gguf(tmp_path / "a.gguf", original, pre="dbrx"))
    with pytest.raises(GgufTokenizerError, match="'llama' is not supported"):
        read_vocabulary(_write_gguf(tmp_path / "b.gguf", original, model="llama"))
