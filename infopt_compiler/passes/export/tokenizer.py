"""Makes the artifact's tokenizer readable for onnxruntime-genai without changing an id.

Its reader (onnxruntime-extensions) knows fewer parts of tokenizer.json than Hugging Face's: it ignores the
`Digits` step and takes `byte_fallback` of a byte-level vocabulary at its word, both silently. What is
rewritten here is equal for Hugging Face's reader; `tokenizer_check.py` then proves it for the runtime's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What `ByteLevel` splits by where `use_regex` is set (Hugging Face tokenizers, `byte_level.rs`)."""


def write_portable_tokenizer(source: Path, artifact: Path) -> None:
    """Put the source's tokenizer into the artifact in the form that onnxruntime-genai reads exactly."""
    original = source / "tokenizer.json"
    if not original.is_file():
        return
    portable = portable_tokenizer(json.loads(original.read_text("utf-8")))
    text = json.dumps(portable, ensure_ascii=False, separators=(",", ":")) + "\n"
    (artifact / "tokenizer.json").write_text(text, "utf-8")
    settings = artifact / "tokenizer_config.json"
    if is_byte_level(portable) and settings.is_file():
        content = json.loads(settings.read_text("utf-8"))
        # "Cleaning up" changes the text that byte-level ids stand for.
        content["clean_up_tokenization_spaces"] = False
        settings.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")


def portable_tokenizer(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """The content of a tokenizer.json that gives the same ids and that the runtime's reader understands."""
    result = dict(tokenizer)
    if _steps(result.get("normalizer"), "normalizers") == []:
        result["normalizer"] = None
    if not is_byte_level(tokenizer):
        return result
    result["model"] = {**tokenizer["model"], "byte_fallback": False, "fuse_unk": False}
    decoders = _steps(tokenizer.get("decoder"), "decoders")
    result["decoder"] = next((step for step in decoders if step["type"] == "ByteLevel"), None) or {
        "type": "ByteLevel",
        "add_prefix_space": True,
        "trim_offsets": True,
        "use_regex": True,
    }
    steps = _steps(tokenizer.get("pre_tokenizer"), "pretokenizers")
    if any(step["type"] == "Digits" for step in steps):
        portable = [part for step in steps for part in _portable_step(step)]
        result["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": portable}
    return result


def is_byte_level(tokenizer: dict[str, Any]) -> bool:
    """Whether ids stand for bytes: BPE behind a `ByteLevel` step."""
    steps = _steps(tokenizer.get("pre_tokenizer"), "pretokenizers")
    return tokenizer["model"].get("type") == "BPE" and any(step["type"] == "ByteLevel" for step in steps)


def _steps(part: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """The steps of a `Sequence`, nested ones in place; a single step as a list of one."""
    if part is None:
        return []
    if part["type"] != "Sequence":
        return [part]
    return [step for inner in part[key] for step in _steps(inner, key)]


def _portable_step(step: dict[str, Any]) -> list[dict[str, Any]]:
    if step["type"] == "Digits":
        return [_split(r"\p{N}" if step.get("individual_digits") else r"\p{N}+")]
    if step["type"] == "ByteLevel" and step.get("use_regex", True):
        return [_split(GPT2_WORDS), {**step, "use_regex": False}]
    return [step]


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
