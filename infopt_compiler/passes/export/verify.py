"""Nothing is taken on trust after export: load, weights, logits, tokenizer, in that order."""

from __future__ import annotations

import pydoc_data.topics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.graph import Graph
from infopt_compiler.passes.export.logits import TOLERANCE, compare_logits
from infopt_compiler.passes.export.olive import QuantizedFolder
from infopt_compiler.passes.export.runtime import open_model, open_tokenizer
from infopt_compiler.passes.export.tokenizer_check import (
    CONVERSATIONS,
    compare_chat_template,
    compare_end_tokens,
    compare_tokenizer,
)
from infopt_compiler.passes.export.weights import compare_weights

PROMPT_TOKENS = 40
PROSE_PROMPTS = 2


def corpus() -> list[str]:
    """English technical prose that every Python carries: the documents of `pydoc_data.topics`."""
    return list(pydoc_data.topics.topics.values())


def verify(
    artifact: Path,
    source: Path,
    *,
    progress: Callable[[float, float, str], None] = lambda done, total, message: None,
    tolerance: float = TOLERANCE,
    documents: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Hold an artifact at accuracy level 0 against the folder that it was made from; facts for the report.

    `documents` are what the tokenizers are compared on, besides the fixed cases; by default `corpus()`.
    Raises PassError at the first thing that is not as it should be.
    """
    progress(0, 4, "loading the artifact")
    model = open_model(artifact)
    progress(1, 4, "comparing tokenizers")
    facts, reference = verify_tokenizer(model, artifact, source, documents)
    del model
    progress(2, 4, "comparing weights")
    quantized = QuantizedFolder(source)
    if quantized.quantization:
        facts.update(compare_weights(Graph(artifact), quantized))
    progress(3, 4, "comparing logits")
    agreement = compare_logits(artifact, source, prompts(reference), tolerance)
    facts["logits_max_difference"] = agreement.max_difference
    facts["logits_top1"] = agreement.top1
    facts["logits_positions"] = agreement.positions
    progress(4, 4, "verified")
    return facts


def verify_tokenizer(
    model: Any, artifact: Path, source: Path, documents: Sequence[str] | None = None
) -> tuple[dict[str, Any], Any]:
    """Facts and the source's tokenizer; raises PassError."""
    tokenizer = open_tokenizer(model)
    reference = _source_tokenizer(source)
    facts: dict[str, Any] = dict(
        compare_tokenizer(tokenizer, reference, corpus() if documents is None else documents)
    )
    facts["conversations_compared"] = compare_chat_template(tokenizer, reference)
    facts["end_tokens"] = compare_end_tokens(artifact, source, reference)
    return facts, reference


def _source_tokenizer(source: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError) as failure:
        raise PassError(f"the source's tokenizer cannot be read: {failure}", code="E0734") from failure


def prompts(reference: Any) -> list[list[int]]:
    """Token ids of a few real prompts: a conversation where there is a chat template, and prose."""
    texts = corpus()
    chosen = [texts[index * len(texts) // PROSE_PROMPTS] for index in range(PROSE_PROMPTS)]
    if reference.chat_template:
        messages = [{"role": role, "content": content} for role, content in CONVERSATIONS[0]]
        chosen.append(reference.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return [list(reference(text).input_ids[:PROMPT_TOKENS]) for text in chosen]
