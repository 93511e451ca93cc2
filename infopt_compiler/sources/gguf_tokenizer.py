"""The tokenizer inside a GGUF file, written as the Hugging Face files that everything else reads.

transformers' own conversion loses three things that change ids or answers: the pre-tokenizer that
`tokenizer.ggml.pre` names (`smollm` splits every digit off, as llama.cpp does), byte fallback (it is
switched on for a byte-level vocabulary, which onnxruntime-genai then honours and fails on), and the end
token (it writes the first special token). So the files are made from the GGUF's own fields.

Source of the pre-tokenizers: llama.cpp, `src/llama-vocab.cpp`, the expressions per `tokenizer.ggml.pre`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4

_BYTE_LEVEL: dict[str, Any] = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def _sequence(*steps: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": [dict(step) for step in steps]}


def _split(pattern: str) -> dict[str, Any]:
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return _sequence(step, {**_BYTE_LEVEL, "use_regex": False})


_DIGITS_THEN_WORDS = _sequence({"type": "Digits", "individual_digits": True}, _BYTE_LEVEL)
_LLAMA3 = _split(_CONTRACTIONS + r"\p{N}{1,3}" + _REST)

PRE_TOKENIZERS: Mapping[str, Mapping[str, Any]] = {
    "smollm": _DIGITS_THEN_WORDS,
    "starcoder": _DIGITS_THEN_WORDS,
    "refact": _DIGITS_THEN_WORDS,
    "command-r": _DIGITS_THEN_WORDS,
    "codeshell": _DIGITS_THEN_WORDS,
    "gpt-2": _BYTE_LEVEL,
    "mpt": _BYTE_LEVEL,
    "olmo": _BYTE_LEVEL,
    "jais": _BYTE_LEVEL,
    "qwen2": _split(_CONTRACTIONS + r"\p{N}" + _REST),
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
}
"""`tokenizer.ggml.pre` → the `pre_tokenizer` of tokenizer.json that cuts text at the same places."""


class GgufTokenizerError(ValueError):
    """The GGUF carries no tokenizer that can be written exactly; the message says why."""


@dataclass(frozen=True)
class GgufVocabulary:
    """The `tokenizer.*` fields of one GGUF file. Ids are positions in `tokens`."""

    pre: str
    tokens: list[str]
    token_types: list[int]
    merges: list[str]
    bos_id: int | None
    eos_id: int | None
    unk_id: int | None
    pad_id: int | None
    add_bos: bool
    add_space_prefix: bool
    chat_template: str | None
    context_length: int | None

    def token(self, token_id: int | None) -> str | None:
        """The text of a token, None for no id. Raises GgufTokenizerError for an id outside the vocabulary."""
        if token_id is None:
            return None
        if not 0 <= token_id < len(self.tokens):
            raise GgufTokenizerError(f"token id {token_id} is outside the vocabulary of {len(self.tokens)}")
        return self.tokens[token_id]


def read_vocabulary(gguf_path: Path) -> GgufVocabulary:
    """Read the tokenizer's fields of a GGUF file.

    Raises GgufTokenizerError when the file has none, or one whose ids could not be reproduced exactly.
    """
    from gguf import GGUFReader

    fields = GGUFReader(gguf_path).fields

    def read(key: str, default: Any = None) -> Any:
        return fields[key].contents() if key in fields else default

    model = read("tokenizer.ggml.model")
    if model != "gpt2":
        raise GgufTokenizerError(f"tokenizer model {model!r} is not supported, only byte-level BPE ('gpt2')")
    pre = read("tokenizer.ggml.pre", "default")
    if pre not in PRE_TOKENIZERS:
        known = ", ".join(sorted(PRE_TOKENIZERS))
        raise GgufTokenizerError(f"pre-tokenizer {pre!r} is not known (known: {known})")
    tokens = read("tokenizer.ggml.tokens", [])
    merges = read("tokenizer.ggml.merges", [])
    if not tokens or not merges:
        raise GgufTokenizerError("the file names a tokenizer but holds no tokens or no merges")
    architecture = read("general.architecture", "llama")
    return GgufVocabulary(
        pre=pre,
        tokens=tokens,
        token_types=read("tokenizer.ggml.token_type", [_NORMAL] * len(tokens)),
        merges=merges,
        bos_id=read("tokenizer.ggml.bos_token_id"),
        eos_id=read("tokenizer.ggml.eos_token_id"),
        unk_id=read("tokenizer.ggml.unknown_token_id"),
        pad_id=read("tokenizer.ggml.padding_token_id"),
        add_bos=bool(read("tokenizer.ggml.add_bos_token", False)),
        add_space_prefix=bool(read("tokenizer.ggml.add_space_prefix", False)),
        chat_template=read("tokenizer.chat_template"),
        context_length=read(f"{architecture}.context_length"),
    )


def tokenizer_json(vocabulary: GgufVocabulary) -> dict[str, Any]:
    """The content of tokenizer.json: byte-level BPE without byte fallback and without a normalizer."""
    added = [
        {
            "id": token_id,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind != _USER_DEFINED,
        }
        for token_id, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.token_types, strict=True))
        if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(vocabulary),
        "post_processor": _post_processor(vocabulary),
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": vocabulary.token(vocabulary.unk_id),
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            # Llama 3 looks a word up whole before it merges (llama.cpp: `ignore_merges`).
            "ignore_merges": vocabulary.pre in ("llama-bpe", "llama3"),
            "vocab": {token: token_id for token_id, token in enumerate(vocabulary.tokens)},
            "merges": [merge.split(" ") for merge in vocabulary.merges],
        },
    }


def _pre_tokenizer(vocabulary: GgufVocabulary) -> dict[str, Any]:
    pre = json.loads(json.dumps(PRE_TOKENIZERS[vocabulary.pre]))
    if vocabulary.add_space_prefix:
        for step in pre.get("pretokenizers", [pre]):
            if step["type"] == "ByteLevel":
                step["add_prefix_space"] = True
    result: dict[str, Any] = pre
    return result


def _post_processor(vocabulary: GgufVocabulary) -> dict[str, Any] | None:
    bos = vocabulary.token(vocabulary.bos_id)
    if not vocabulary.add_bos or bos is None:
        return None
    first = {"SpecialToken": {"id": bos, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [first, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {bos: {"id": bos, "ids": [vocabulary.bos_id], "tokens": [bos]}},
    }


def tokenizer_config(vocabulary: GgufVocabulary) -> dict[str, Any]:
    """The content of tokenizer_config.json. The class is the one that reads tokenizer.json as it stands."""
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": vocabulary.add_bos,
        "add_prefix_space": vocabulary.add_space_prefix,
        "clean_up_tokenization_spaces": False,
        "bos_token": vocabulary.token(vocabulary.bos_id),
        "eos_token": vocabulary.token(vocabulary.eos_id),
        "unk_token": vocabulary.token(vocabulary.unk_id),
        "pad_token": vocabulary.token(vocabulary.pad_id),
    }
    if vocabulary.context_length is not None:
        config["model_max_length"] = vocabulary.context_length
    if vocabulary.chat_template is not None:
        config["chat_template"] = vocabulary.chat_template
    return config


def write_tokenizer(gguf_path: Path, folder: Path) -> GgufVocabulary:
    """Write tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja.

    `folder` must exist; files of those names are replaced. Raises GgufTokenizerError and OSError.
    """
    vocabulary = read_vocabulary(gguf_path)
    config = tokenizer_config(vocabulary)
    specials = {
        key: config[key] for key in ("bos_token", "eos_token", "unk_token", "pad_token") if config[key]
    }
    _write_json(folder / "tokenizer.json", tokenizer_json(vocabulary))
    _write_json(folder / "tokenizer_config.json", config)
    _write_json(folder / "special_tokens_map.json", specials)
    if vocabulary.chat_template is not None:
        (folder / "chat_template.jinja").write_text(vocabulary.chat_template, encoding="utf-8", newline="")
    return vocabulary


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
