"""Variants of an exported artifact for `tune`: other runtime settings and fusions, derived without the builder.

Each is a new folder whose unchanged files are hard links to the source's; only `fuse_gate_up` and
`separate_qkv` write a data file of their own, since they lay weights out anew. All but `accuracy_level`
leave every weight and, up to the order of float sums, every logit as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.onnx_view import (
    PRUNE_PREFIX,
    is_pruned,
    link_folder,
    read_graph,
    set_logits_positions,
    write_graph,
)
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export import nodes
from infopt_compiler.passes.export.graph import (
    MICROSOFT,
    Graph,
    attribute,
    pack,
    set_attribute,
    stored_zeros,
)

ACCURACY_LEVELS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Settings:
    """What distinguishes a variant; None and False leave the artifact as it is.

    `accuracy_level` of `MatMulNBits`: 0 computes in float32, 4 quantizes activations to int8;
    `head_accuracy_level` is the head's where it differs. `prune_head` gives the logits of the last position only. `threads` is the runtime's `intra_op_num_threads`.
    """

    threads: int | None = None
    accuracy_level: int | None = None
    head_accuracy_level: int | None = None
    fuse_gate_up: bool = False
    separate_qkv: bool = False
    prune_head: bool = False


def derive(source: Path, destination: Path, settings: Settings) -> None:
    """Make the variant of `source` in `destination` (new or empty). Raises PassError where it cannot be made."""
    link_folder(source, destination)
    if settings.fuse_gate_up or settings.separate_qkv:
        graph = Graph(destination)
        if settings.fuse_gate_up:
            _fuse_gate_up(graph)
        if settings.separate_qkv:
            _separate_qkv(graph)
        graph.remove_unused()
        graph.save()
    levels = (settings.accuracy_level, settings.head_accuracy_level)
    if levels != (None, None) or settings.prune_head:
        model = read_graph(destination)
        _set_accuracy_level(model, *levels)
        if settings.prune_head:
            _prune_head(model)
        write_graph(destination, model)
    if settings.threads is not None:
        _set_session_options(destination, {"intra_op_num_threads": settings.threads})


def set_accuracy_level(source: Path, destination: Path, level: int) -> None:
    """The artifact with another `accuracy_level` on every `MatMulNBits`."""
    derive(source, destination, Settings(accuracy_level=level))


def set_threads(source: Path, destination: Path, threads: int) -> None:
    """The artifact with `intra_op_num_threads` in its genai_config.json."""
    derive(source, destination, Settings(threads=threads))


def prune_head(source: Path, destination: Path) -> None:
    """The artifact that computes the logits of the last position only; `unpruned_view` undoes it."""
    derive(source, destination, Settings(prune_head=True))


def fuse_gate_up(source: Path, destination: Path) -> None:
    """The artifact with one `MatMulNBits` for gate and up of each layer."""
    derive(source, destination, Settings(fuse_gate_up=True))


def separate_qkv(source: Path, destination: Path) -> None:
    """The artifact with a `MatMulNBits` each for q, k and v (the builder joins them)."""
    derive(source, destination, Settings(separate_qkv=True))


def _set_accuracy_level(model: Any, level: int | None, head_level: int | None) -> None:
    for wanted in (level, head_level):
        if wanted not in (None, *ACCURACY_LEVELS):
            raise PassError(f"accuracy level {wanted} is none of {ACCURACY_LEVELS}", code="E0737")
    for node in model.graph.node:
        is_head = node.name.startswith(nodes.HEAD)
        wanted = head_level if is_head and head_level is not None else level
        if node.op_type == "MatMulNBits" and wanted is not None:
            set_attribute(node, "accuracy_level", wanted)


def _set_session_options(folder: Path, options: Mapping[str, Any]) -> None:
    path = folder / "genai_config.json"
    config = json.loads(path.read_text("utf-8"))
    config["model"]["decoder"]["session_options"].update(options)
    path.unlink()  # it may be a hard link
    path.write_text(json.dumps(config, indent=4), "utf-8")


def _prune_head(model: Any) -> None:
    """Take the last position of the hidden states before the head, as the builder's `prune_lm_head` does."""
    import numpy as np
    from onnx import helper, numpy_helper

    if is_pruned(model):
        return
    graph = model.graph
    head = next(node for node in graph.node if node.name.startswith(nodes.HEAD_PRODUCT))
    position = list(graph.node).index(head)
    names = {part: f"{PRUNE_PREFIX}{part}/output_0" for part in ("Gather", "Unsqueeze")}
    last, axis = f"{PRUNE_PREFIX}last", f"{PRUNE_PREFIX}axis"
    graph.initializer.append(numpy_helper.from_array(np.array(-1, np.int64), last))
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), axis))
    gather = helper.make_node(
        "Gather", [head.input[0], last], [names["Gather"]], name=f"{PRUNE_PREFIX}Gather", axis=1
    )
    unsqueeze = helper.make_node(
        "Unsqueeze", [names["Gather"], axis], [names["Unsqueeze"]], name=f"{PRUNE_PREFIX}Unsqueeze"
    )
    head.input[0] = names["Unsqueeze"]
    graph.node.insert(position, gather)
    graph.node.insert(position + 1, unsqueeze)
    set_logits_positions(graph, 1)


def _fuse_gate_up(graph: Graph) -> None:
    by_name = {node.name: node for node in graph.nodes("MatMulNBits")}
    gates = [name for name in by_name if name.endswith(f"/mlp/{nodes.GATE}/MatMulNBits")]
    if not gates:
        raise PassError("the exported graph has no gate and up projections to fuse", code="E0737")
    for name in gates:
        gate = by_name[name]
        up = by_name[name.replace(nodes.GATE, nodes.UP)]
        joined = name.replace(nodes.GATE, nodes.GATE_UP)
        _require_alike(gate, up)
        _join(graph, [gate, up], joined)
        _split(graph, joined, [gate, up])


def _require_alike(first: Any, second: Any) -> None:
    for key in ("bits", "block_size", "K", "N", "accuracy_level"):
        if attribute(first, key) != attribute(second, key):
            raise PassError(
                f"{first.name} and {second.name} differ in {key} and cannot be fused", code="E0737"
            )


def _join(graph: Graph, nodes: list[Any], name: str) -> None:
    """Put one node in front of `nodes` that computes all their rows."""
    import numpy as np

    prefix = name[1:].replace("/", ".")
    first = nodes[0]
    inputs = [first.input[0], f"{prefix}.qweight", f"{prefix}.scales"]
    graph.put(inputs[1], np.concatenate([graph.array(node.input[1]) for node in nodes]))
    graph.put(inputs[2], np.concatenate([graph.array(node.input[2]).reshape(-1) for node in nodes]))
    if any(len(node.input) > 3 for node in nodes):
        inputs.append(f"{prefix}.qzeros")
        graph.put(inputs[3], np.concatenate([_packed_zeros(graph, node) for node in nodes]))
    rows = sum(attribute(node, "N") for node in nodes)
    _insert_matmul(graph, first, first, name, inputs, f"{name}/output_0", rows)


def _packed_zeros(graph: Graph, node: Any) -> Any:
    rows, blocks = graph.shape(node.input[1])[:2]
    return pack(stored_zeros(graph, node, rows, blocks), attribute(node, "bits")).reshape(-1)


def _insert_matmul(
    graph: Graph, before: Any, like: Any, name: str, inputs: list[str], output: str, rows: int
) -> None:
    from onnx import helper

    node = helper.make_node("MatMulNBits", inputs, [output], name=name, domain=MICROSOFT)
    node.attribute.extend(like.attribute)
    set_attribute(node, "N", rows)
    graph.proto.node.insert(list(graph.proto.node).index(before), node)


def _split(graph: Graph, joined: str, nodes: list[Any]) -> None:
    """Replace `nodes` by a Split of the joined node's output into theirs; equal parts."""
    from onnx import helper

    split = helper.make_node(
        "Split",
        [f"{joined}/output_0"],
        [node.output[0] for node in nodes],
        name=joined.replace("MatMulNBits", "Split"),
        axis=-1,
        num_outputs=len(nodes),
    )
    graph.proto.node.insert(list(graph.proto.node).index(nodes[0]), split)
    for node in nodes:
        graph.proto.node.remove(node)


def _separate_qkv(graph: Graph) -> None:
    joined = {
        n.output[0]: n for n in graph.nodes("MatMulNBits") if n.name.endswith(f"/{nodes.QKV}/MatMulNBits")
    }
    attentions = [node for node in graph.nodes("GroupQueryAttention") if node.input[0] in joined]
    if not attentions:
        raise PassError("the exported graph has no joined q, k and v projections", code="E0737")
    for attention in attentions:
        _separate(graph, attention, joined[attention.input[0]])


def _separate(graph: Graph, attention: Any, node: Any) -> None:
    heads, kv_heads = attribute(attention, "num_heads"), attribute(attention, "kv_num_heads")
    head = attribute(node, "N") // (heads + 2 * kv_heads)
    first = 0
    counts = (heads, kv_heads, kv_heads)
    for index, (part, count) in enumerate(zip(nodes.PARTS.values(), counts, strict=True)):
        rows = slice(first * head, (first + count) * head)
        name = node.name.replace(nodes.QKV, part)
        inputs = _put_rows(graph, node, name, rows)
        _insert_matmul(graph, node, node, name, inputs, f"{name}/output_0", count * head)
        attention.input[index] = f"{name}/output_0"
        first += count
    graph.proto.node.remove(node)


def _put_rows(graph: Graph, node: Any, name: str, rows: slice) -> list[str]:
    prefix = name[1:].replace("/", ".")
    inputs = [node.input[0], f"{prefix}.qweight", f"{prefix}.scales"]
    graph.put(inputs[1], graph.array(node.input[1])[rows])
    total, blocks = graph.shape(node.input[1])[:2]
    graph.put(inputs[2], graph.array(node.input[2]).reshape(total, blocks)[rows].reshape(-1))
    if len(node.input) > 3:
        inputs.append(f"{prefix}.qzeros")
        zeros = stored_zeros(graph, node, total, blocks)[rows]
        graph.put(inputs[3], pack(zeros, attribute(node, "bits")).reshape(-1))
    return inputs
