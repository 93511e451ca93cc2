"""Views of an exported model that share its weights: the graph is small and rewritten, the data is linked.

An artifact is a folder that onnxruntime-genai opens: `genai_config.json`, a graph (`model.onnx`, some hundred
kB) and its external data. Where the head is *pruned* the graph gives the logits of the last position only,
which is right for serving and useless for perplexity; `unpruned_view` undoes that over the same data.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.layouts import ONNX_DECODER, ONNX_ENCODER

PRUNE_PREFIX = "/lm_head/prune/"  # the names that onnxruntime-genai's builder gives; ours are the same


def graph_path(folder: Path) -> Path:
    """The decoder's graph that `genai_config.json` names."""
    config = json.loads((folder / "genai_config.json").read_text("utf-8"))
    return folder / str(config["model"]["decoder"]["filename"])


def stored_graph(folder: Path) -> Path | None:
    """The one graph of an exported decoder or encoder; None in folders of other layouts."""
    if ONNX_DECODER.fits(folder):
        return graph_path(folder)
    return folder / ONNX_ENCODER.file if ONNX_ENCODER.fits(folder) else None


def read_graph(folder: Path) -> Any:
    """The `onnx.ModelProto` of an artifact, its external data left on disk."""
    import onnx

    return onnx.load(str(graph_path(folder)), load_external_data=False)


def write_graph(folder: Path, model: Any) -> None:
    """Replace the graph. The old file is unlinked first: it may be a hard link that another artifact shares."""
    import onnx

    path = graph_path(folder)
    path.unlink(missing_ok=True)
    onnx.save(model, str(path))


def link_folder(source: Path, destination: Path) -> None:
    """Make `destination` (new or empty) a copy of `source` whose files are hard links, copies across devices.

    Whoever changes a file afterwards unlinks it first. Subfolders are followed.
    """
    for file in sorted(source.rglob("*")):
        target = destination / file.relative_to(source)
        if file.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)
        except OSError:
            shutil.copyfile(file, target)


def is_pruned(model: Any) -> bool:
    """Whether the graph gives the logits of the last position only."""
    return any(node.name.startswith(PRUNE_PREFIX) for node in model.graph.node)


def unprune(model: Any) -> None:
    """Remove the nodes that keep the last position, so that `logits` has all positions again; in place."""
    graph = model.graph
    pruning = [node for node in graph.node if node.name.startswith(PRUNE_PREFIX)]
    if not pruning:
        return
    made = {output for node in pruning for output in node.output}
    entry = next(node.input[0] for node in pruning if node.input[0] not in made)
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in made and node not in pruning:
                node.input[index] = entry
    for node in pruning:
        graph.node.remove(node)
    set_logits_positions(graph, "sequence_length")


def set_logits_positions(graph: Any, dimension: int | str) -> None:
    """Declare the middle dimension of `logits` (batch, positions, vocabulary): a number or a symbol."""
    for value in [*graph.output, *graph.value_info]:
        if value.name == "logits":
            positions = value.type.tensor_type.shape.dim[1]
            positions.Clear()
            if isinstance(dimension, int):
                positions.dim_value = dimension
            else:
                positions.dim_param = dimension


def unpruned_view(folder: Path, destination: Path) -> Path:
    """A folder with the logits of all positions over the same weights, for measuring quality.

    The folder itself where it is not pruned; else `destination`, made with hard links to everything but the
    graph. Numbers are unchanged: only the selection of the last position is removed.
    """
    model = read_graph(folder)
    if not is_pruned(model):
        return folder
    link_folder(folder, destination)
    unprune(model)
    write_graph(destination, model)
    return destination
