from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer

from infopt_compiler.passes.export.tokenizer import is_byte_level, portable_tokenizer
from infopt_compiler.passes.export.tokenizer_check import CASES


def test_the_portable_form_gives_the_same_ids(llama: Path):
    original = json.loads((llama / "tokenizer.json").read_text("utf-8"))
    portable = portable_tokenizer(original)
    kinds = [step["type"] for step in portable["pre_tokenizer"]["pretokenizers"]]
    assert kinds == ["Split", "Split", "ByteLevel"]
    before, after = Tokenizer.from_str(json.dumps(original)), Tokenizer.from_str(json.dumps(portable))
    for text in CASES:
        assert after.encode(text).ids == before.encode(text).ids
        assert after.decode(after.encode(text).ids) == text


def test_what_transformers_writes_for_a_gguf_is_repaired(llama: Path):
    broken = json.loads((llama / "tokenizer.json").read_text("utf-8"))
    broken["normalizer"] = {"type": "Sequence", "normalizers": []}
    broken["model"] |= {"byte_fallback": True, "fuse_unk": True}
    broken["decoder"] = {
        "type": "Sequence",
        "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}, broken["decoder"]],
    }
    portable = portable_tokenizer(broken)
    assert portable["normalizer"] is None
    assert portable["decoder"]["type"] == "ByteLevel"
    assert portable["model"]["byte_fallback"] is False


def test_another_kind_of_tokenizer_is_left_alone():
    unigram = {"normalizer": None, "pre_tokenizer": {"type": "Metaspace"}, "model": {"type": "Unigram"}}
    assert not is_byte_level(unigram)
    assert portable_tokenizer(unigram) == unigram
