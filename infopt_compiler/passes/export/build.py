"""Writes the artifact of a decoder: the model builder's graph, with the integers of a quantized model carried exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.onnx_view import read_graph, write_graph
from infopt_compiler.passes.export import graph as edits
from infopt_compiler.passes.export.builder import run_builder
from infopt_compiler.passes.export.olive import Embedding, QuantizedFolder
from infopt_compiler.passes.export.staging import float_input, quantized_input
from infopt_compiler.passes.export.tokenizer import write_portable_tokenizer


def build(source: Path, artifact: Path, scratch: Path, log: Any) -> dict[str, Any]:
    """Write the artifact of a Hugging Face or QuantizedModel folder, unverified. Raises PassError."""
    folder = QuantizedFolder(source)
    given = quantized_input(folder, scratch, accuracy_level=0) if folder.quantization else float_input(source)
    run_builder(
        given.folder,
        artifact,
        precision=given.precision,
        options=given.options,
        cache=scratch / "builder-cache",
        log=log,
    )
    write_portable_tokenizer(source, artifact)
    facts: dict[str, Any] = {"embedding": given.embedding.value}
    if folder.quantization:
        graph = edits.Graph(artifact)
        if given.embedding is Embedding.shared:
            edits.share_quantized_embedding(graph)
        elif given.embedding is Embedding.own:
            edits.quantize_embedding(graph, folder.matrix(folder.family.names.embedding))
        facts["symmetric_nodes"] = edits.drop_default_zero_points(graph)
        graph.remove_unused()
        graph.save()
    _drop_commit(artifact)
    return facts


def _drop_commit(artifact: Path) -> None:
    """The builder asks git for the commit of whatever repository its own files happen to lie in (a virtual environment
    inside a checkout, say) and writes it into the graph: equal models would get other bytes with every commit."""
    model = read_graph(artifact)
    model.producer_version = model.producer_version.partition("+")[0]
    write_graph(artifact, model)
