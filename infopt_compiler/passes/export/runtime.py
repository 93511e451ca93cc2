"""The runtime that serves the artifact: opening it, and reading all positions' logits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.passes.base import PassError

if TYPE_CHECKING:
    import numpy as np


def open_model(folder: Path) -> Any:
    """`onnxruntime_genai.Model` of an artifact; PassError (E0731) with the runtime's reason where it does not load."""
    import onnxruntime_genai

    try:
        return onnxruntime_genai.Model(str(folder))
    except Exception as failure:  # the runtime's own exceptions have no common base
        raise PassError(
            f"onnxruntime-genai does not load the exported model: {failure}", code="E0731"
        ) from failure


def open_tokenizer(model: Any) -> Any:
    """The artifact's own tokenizer; PassError (E0734) where the runtime cannot read it."""
    import onnxruntime_genai

    try:
        return onnxruntime_genai.Tokenizer(model)
    except Exception as failure:
        raise PassError(
            f"onnxruntime-genai cannot read the exported tokenizer: {failure}", code="E0734"
        ) from failure


def stepwise_logits(model: Any, ids: list[int], prompt: int) -> np.ndarray[Any, Any]:
    """Logits (positions, vocabulary) of `ids`: the first `prompt` in one prefill, the others one by one."""
    import numpy as np
    import onnxruntime_genai

    parameters = onnxruntime_genai.GeneratorParams(model)
    parameters.set_search_options(max_length=len(ids) + 1, do_sample=False)
    generator = onnxruntime_genai.Generator(model, parameters)
    chunks = [ids[:prompt], *([token] for token in ids[prompt:])]
    parts = []
    for chunk in chunks:
        generator.append_tokens(np.array(chunk, dtype=np.int32))
        parts.append(np.array(generator.get_output("logits"), dtype=np.float32)[0])
    return np.concatenate(parts)
