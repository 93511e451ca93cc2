"""The torch model that an artifact must agree with: float32, on the (de)quantized weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infopt_compiler.passes.export.olive import Embedding, QuantizedFolder


def load_reference(source: Path) -> Any:
    """The causal language model of a Hugging Face or QuantizedModel folder, float32, in eval mode.

    Integer weights are dequantized matrix by matrix straight into the model: beside it at most one matrix
    is held. Raises what transformers raises for a folder that it cannot read.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = QuantizedFolder(source)
    if not folder.quantization:
        return AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    return _dequantized(folder)


def _dequantized(folder: QuantizedFolder) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.initialization import no_init_weights

    config = AutoConfig.from_pretrained(folder.folder)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    # A tied head and embedding may have been quantized apart: they are two tables then.
    config.tie_word_embeddings = False
    with no_init_weights():
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    if _one_table(folder):
        model.get_output_embeddings().weight = model.get_input_embeddings().weight
    parameters = dict(model.named_parameters(remove_duplicate=False))
    missing = set(parameters)
    with torch.no_grad():
        for name, array in _weights(folder):
            parameters[name].copy_(torch.from_numpy(array))
            missing.discard(name)
    if missing:
        raise KeyError(f"the quantized model lacks {sorted(missing)[0]}")
    return model.eval()


def _one_table(folder: QuantizedFolder) -> bool:
    """Whether one table serves as head and as embedding: the head's integers, or the embedding's floats."""
    if folder.embedding is Embedding.shared:
        return True
    head = folder.family.names.head
    no_head = not folder.has(f"{head}.qweight") and not folder.has(f"{head}.weight")
    return folder.tied and no_head


def _weights(folder: QuantizedFolder) -> Iterator[tuple[str, Any]]:
    """Every parameter's name and float32 values."""
    one_table, names = _one_table(folder), folder.family.names
    for module in folder.modules():
        weights = folder.matrix(module).dequantized()
        yield f"{module}.weight", weights
        if module == names.head and one_table:
            yield f"{names.embedding}.weight", weights
    for name, array in folder.float_tensors():
        yield name, array
        if name == f"{names.embedding}.weight" and one_table:
            yield f"{names.head}.weight", array


def reference_logits(model: Any, ids: list[int]) -> Any:
    """float32 logits (positions, vocabulary) of one sequence, as a numpy array."""
    import torch

    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float().numpy()
