"""The folder that the builder reads: a Hugging Face folder, or integer weights in the layout it knows."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from infopt_compiler.passes.export import nodes
from infopt_compiler.passes.export.olive import Embedding, QuantizedFolder


@dataclass(frozen=True)
class BuilderInput:
    """What to run the builder on, and what to do to its output."""

    folder: Path
    precision: str
    options: dict[str, str]
    embedding: Embedding


def float_input(source: Path) -> BuilderInput:
    """A float model is built as it is."""
    return BuilderInput(source, "fp32", {}, Embedding.floating)


def quantized_input(source: QuantizedFolder, scratch: Path, accuracy_level: int) -> BuilderInput:
    """Write the builder's input into `scratch`.

    Two things differ from the QuantizedModel: every module has zero points (the builder joins q, k and v
    and fails on a missing one), and the embedding is a float table or absent (its loader knows no other).
    """
    kind = source.embedding
    folder = scratch / "builder-input"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in source.folder.iterdir():
        if file.is_file() and file.suffix != ".safetensors" and file.name != "config.json":
            _link(file, folder / file.name)
    # The builder lets the embedding read the head's integers only where the config ties them.
    tied = source.tied or kind is Embedding.shared
    config = {**source.config, "tie_word_embeddings": tied and kind is not Embedding.own}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    _write_weights(source, folder, kind)
    # What has no integers must stay float: the builder would quantize it by rounding, without a word.
    exclude = [nodes.EMBEDDING] if kind is not Embedding.shared else []
    exclude += [] if source.has(f"{source.family.names.head}.qweight") else [nodes.HEAD_PRODUCT]
    options = {"accuracy_level": str(accuracy_level)}
    if exclude:
        options["nodes_to_exclude"] = ",".join(exclude)
    return BuilderInput(folder, "int4", options, kind)


def _write_weights(source: QuantizedFolder, folder: Path, kind: Embedding) -> None:
    from safetensors.numpy import save_file

    from infopt_compiler.passes.export.graph import pack

    tensors, embedding = dict(source.float_tensors()), source.family.names.embedding
    for module in source.modules():
        if module == embedding:
            continue
        tensors[f"{module}.qweight"] = source.tensor(f"{module}.qweight")
        matrix = source.matrix(module)
        tensors[f"{module}.scales"] = matrix.scales
        tensors[f"{module}.qzeros"] = pack(matrix.zeros, matrix.bits)
    if kind is Embedding.own:
        tensors[f"{embedding}.weight"] = source.matrix(embedding).dequantized()
    save_file(tensors, folder / "model.safetensors")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
