"""Where a greedy continuation ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def end_tokens(config: dict[str, Any]) -> set[int]:
    """One id, several, or none."""
    found = config.get("eos_token_id")
    return set(found) if isinstance(found, list) else set() if found is None else {found}


def end_tokens_of(folder: Path) -> set[int]:
    """The end tokens of a Hugging Face folder."""
    config = folder / "generation_config.json"
    said = json.loads(config.read_text("utf-8")) if config.is_file() else {}
    return end_tokens(said) or end_tokens(json.loads((folder / "config.json").read_text("utf-8")))


def until_end(tokens: list[int], ends: set[int]) -> list[int]:
    """Without the end token and what follows it."""
    at = next((index for index, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[:at]
