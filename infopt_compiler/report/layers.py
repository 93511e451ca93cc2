"""Bits of each weight matrix of what ships, read from the graph: shapes and types, never the weights themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.onnx_view import stored_graph

# The inputs that hold one matrix: its integers first, then scales and zero points.
_WEIGHT_INPUTS = {
    "MatMulNBits": (1, 2, 3),
    "GatherBlockQuantized": (0, 2, 3),
    "MatMulInteger": (1, 3),
    "DynamicQuantizeMatMul": (1, 2, 3),
    "DequantizeLinear": (0, 1, 2),
    "MatMul": (1,),
    "Gemm": (1,),
    "Gather": (0,),
}
_SUFFIXES = (".weight", ".qweight", ".MatMulNBits", "_quantized", "_Q4", ".MatMul")
_BITS_OF_SMALL = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}  # onnx's types below one byte
_UNNAMED = ("onnx::", "val_", "/")


def layers(artifacts: Mapping[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """By subject a row per weight matrix: `name`, `parameters`, `bytes` (scales and zero points in them), `bits_per_weight`.

    `artifacts` are the folders that ship, by binding; one without an ONNX graph has no rows and is left out.
    """
    found = {name: layer_rows(folder) for name, folder in artifacts.items()}
    return {name: rows for name, rows in found.items() if rows}


def layer_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of one artifact's folder, in the order of its graph."""
    path = stored_graph(folder)
    if path is None or not path.is_file():
        return []
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    return [_row(node, tensors) for node, tensors in _matrices(graph, stored)]


def _matrices(graph: Any, stored: dict[str, Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Each node that reads a stored matrix, with its tensors; a matrix that two nodes share comes once."""
    seen: set[str] = set()
    for node in graph.node:
        names = [node.input[i] for i in _WEIGHT_INPUTS.get(node.op_type, ()) if i < len(node.input)]
        if names and names[0] in stored and names[0] not in seen and len(stored[names[0]].dims) > 1:
            seen.add(names[0])
            yield node, [stored[name] for name in names if name in stored]


def _row(node: Any, tensors: list[Any]) -> dict[str, Any]:
    count, size = _parameters(node, tensors[0]), sum(map(_bytes, tensors))
    return {
        "name": _name(node, tensors[0].name),
        "parameters": count,
        "bytes": size,
        "bits_per_weight": size * 8 / count,
    }


def _parameters(node: Any, tensor: Any) -> int:
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "MatMulNBits":
        return int(settings["N"] * settings["K"])
    packed = 8 // settings.get("bits", 4) if node.op_type == "GatherBlockQuantized" else 1
    whole_bytes = tensor.data_type not in _BITS_OF_SMALL
    return int(math.prod(tensor.dims)) * (packed if whole_bytes else 1)


def _bytes(tensor: Any) -> int:
    from onnx.helper import tensor_dtype_to_np_dtype

    count = int(math.prod(tensor.dims))
    if tensor.data_type in _BITS_OF_SMALL:
        return -(-count * _BITS_OF_SMALL[tensor.data_type] // 8)
    return int(count * tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def _name(node: Any, stored: str) -> str:
    """`model.layers.0.attn.qkv_proj`: the name of the weight, of the node where the exporter gave the weight none."""
    name = stored
    if stored.startswith(_UNNAMED):
        name = node.name.strip("/").removesuffix(node.op_type).strip("/").replace("/", ".")
    for suffix in (*_SUFFIXES, *_SUFFIXES):
        name = name.removesuffix(suffix)
    return name or stored
