"""Edits of an exported graph: what the builder's output still lacks before it carries the model exactly.

A `Graph` reads initializers straight from the external data file and writes that file anew on `save`, each
array once, so that two initializers of the same numbers (head and embedding) take the space of one.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts.onnx_view import graph_path, read_graph, write_graph
from infopt_compiler.artifacts.quantized import unpack
from infopt_compiler.passes.export import nodes
from infopt_compiler.passes.export.olive import IntegerMatrix

if TYPE_CHECKING:
    import numpy as np

PAGE, LARGE = 4096, 1 << 20  # arrays of a MiB and more start on a page, so that the runtime can map them
MICROSOFT = "com.microsoft"
EMBEDDING_CODES = "model.embed_tokens.qweight"


class Graph:
    """An artifact's graph, its nodes by type and its initializers as arrays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = read_graph(folder)
        self.proto = self.model.graph
        self._initializers = {tensor.name: tensor for tensor in self.proto.initializer}
        self._new: dict[str, np.ndarray[Any, Any]] = {}
        self._same = self._aliases()

    def _aliases(self) -> dict[str, str]:
        """Initializers that read the same bytes as one before them, by that one's name."""
        first: dict[tuple[str, ...], str] = {}
        same: dict[str, str] = {}
        for name, tensor in self._initializers.items():
            where = tuple(sorted(f"{entry.key}={entry.value}" for entry in tensor.external_data))
            if where and first.setdefault(where, name) != name:
                same[name] = first[where]
        return same

    def nodes(self, kind: str) -> list[Any]:
        return [node for node in self.proto.node if node.op_type == kind]

    def has(self, name: str) -> bool:
        return name in self._initializers

    def shape(self, name: str) -> list[int]:
        return [int(size) for size in self._initializers[name].dims]

    def reshape(self, name: str, shape: list[int]) -> None:
        """Declare another shape of the same number of elements."""
        self._initializers[name].dims[:] = shape

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of an initializer; mapped from the file where they are external. Raises KeyError."""
        import numpy as np
        from onnx import helper, numpy_helper

        if name in self._new:
            return self._new[name].reshape(self.shape(name))
        tensor = self._initializers[name]
        if not tensor.external_data:
            inline: np.ndarray[Any, Any] = numpy_helper.to_array(tensor)
            return inline
        where = {entry.key: entry.value for entry in tensor.external_data}
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        shape = tuple(tensor.dims)
        if math.prod(shape) == 0:
            return np.zeros(shape, dtype)
        return np.memmap(
            self.folder / where["location"], dtype, "r", offset=int(where.get("offset", 0)), shape=shape
        )

    def put(self, name: str, array: np.ndarray[Any, Any]) -> None:
        """Add an initializer, or replace its values, shape and type."""
        import numpy as np
        from onnx import helper

        if name not in self._initializers:
            self._initializers[name] = self.proto.initializer.add(name=name)
        tensor = self._initializers[name]
        tensor.Clear()
        tensor.name = name
        tensor.data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor.dims[:] = array.shape
        self._new[name] = np.ascontiguousarray(array)

    def alias(self, name: str, original: str, shape: list[int]) -> None:
        """Add an initializer of the same bytes as `original` in another shape; they are stored once."""
        tensor = self.proto.initializer.add()
        tensor.CopyFrom(self._initializers[original])
        tensor.name = name
        tensor.dims[:] = shape
        self._initializers[name] = tensor
        self._same[name] = self._same.get(original, original)
        if original in self._new:
            self._new[name] = self._new[original]

    def remove_unused(self) -> None:
        """Drop initializers that no node reads."""
        used = {name for node in self.proto.node for name in node.input}
        for name in [name for name in self._initializers if name not in used]:
            self.proto.initializer.remove(self._initializers.pop(name))
            self._new.pop(name, None)

    def save(self) -> None:
        """Write graph and data; the data file is made anew beside the old one, which it then replaces."""
        path = graph_path(self.folder)
        data, fresh = path.with_name(path.name + ".data"), path.with_name(path.name + ".data.new")
        offsets: dict[str, tuple[int, int]] = {}
        with fresh.open("wb") as stream:
            for name, tensor in self._initializers.items():
                key = self._same.get(name, name)
                if key not in offsets:
                    array = self.array(name)
                    stream.seek(_aligned(stream.tell(), array.nbytes))
                    offsets[key] = (stream.tell(), array.nbytes)
                    stream.write(array.tobytes())
                _make_external(tensor, data.name, *offsets[key])
        fresh.replace(data)
        self._new.clear()
        write_graph(self.folder, self.model)


def _aligned(position: int, size: int) -> int:
    step = PAGE if size >= LARGE else 64
    return -(-position // step) * step


def _make_external(tensor: Any, location: str, offset: int, length: int) -> None:
    from onnx import TensorProto

    for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
        tensor.ClearField(field)
    del tensor.external_data[:]
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    tensor.data_location = TensorProto.EXTERNAL


def attribute(node: Any, name: str, default: int = 0) -> int:
    """An integer attribute of a node."""
    return next((int(item.i) for item in node.attribute if item.name == name), default)


def set_attribute(node: Any, name: str, value: int) -> None:
    from onnx import helper

    for item in node.attribute:
        if item.name == name:
            item.i = value
            return
    node.attribute.append(helper.make_attribute(name, value))


def share_quantized_embedding(graph: Graph) -> bool:
    """Let the embedding read the head's integers without the builder's Reshape; False where it does not.

    The builder (0.18.0) points `GatherBlockQuantized` at the head through a Reshape and leaves its scales flat,
    which fails on loading: "scales must have the same rank as data".
    """
    gathers = [node for node in graph.nodes("GatherBlockQuantized") if not graph.has(node.input[0])]
    if not gathers:
        return False
    gather = gathers[0]
    reshape = next(node for node in graph.proto.node if gather.input[0] in node.output)
    head = reshape.input[0]
    vocabulary, *rest = graph.shape(head)
    graph.alias(EMBEDDING_CODES, head, [vocabulary, math.prod(rest)])
    gather.input[0] = EMBEDDING_CODES
    for name in gather.input[2:]:
        graph.reshape(name, [vocabulary, math.prod(graph.shape(name)) // vocabulary])
    graph.proto.node.remove(reshape)
    return True


def quantize_embedding(graph: Graph, matrix: IntegerMatrix) -> None:
    """Replace the float embedding by the integer table `matrix` (vocabulary, hidden)."""
    from onnx import helper

    gather = next(node for node in graph.nodes("Gather") if node.name == nodes.EMBEDDING)
    inputs = [EMBEDDING_CODES, gather.input[1], "model.embed_tokens.scales", "model.embed_tokens.qzeros"]
    graph.put(inputs[0], pack(matrix.codes, matrix.bits))
    graph.put(inputs[2], matrix.scales)
    graph.put(inputs[3], pack(matrix.zeros, matrix.bits))
    node = helper.make_node(
        "GatherBlockQuantized",
        inputs,
        list(gather.output),
        name="/model/embed_tokens/GatherBlockQuantized",
        domain=MICROSOFT,
        bits=matrix.bits,
        block_size=matrix.group,
        gather_axis=0,
        quantize_axis=1,
    )
    position = list(graph.proto.node).index(gather)
    graph.proto.node.remove(gather)
    graph.proto.node.insert(position, node)


def drop_default_zero_points(graph: Graph) -> int:
    """Remove zero points that are all in the middle, which the operators take where none are given.

    Exact, and it lets the runtime use its faster symmetric kernels. Gives the number of nodes changed.
    """
    nodes = [node for node in quantized_nodes(graph) if len(node.input) > 3]
    middle = {node.input[3] for node in nodes if _all_middle(graph, node)}
    changed = [node for node in nodes if node.input[3] in middle]
    for node in changed:
        del node.input[3:]
    return len(changed)


def quantized_nodes(graph: Graph) -> list[Any]:
    """The nodes that read integer weights: inputs are (x, codes, scales[, zeros]) or (codes, ids, scales[, zeros])."""
    return graph.nodes("MatMulNBits") + graph.nodes("GatherBlockQuantized")


def codes_input(node: Any) -> str:
    return str(node.input[1 if node.op_type == "MatMulNBits" else 0])


def stored_matrix(graph: Graph, node: Any) -> IntegerMatrix:
    """The integer weights that a node computes with, unpacked."""
    import numpy as np

    bits, group = attribute(node, "bits", 4), attribute(node, "block_size")
    packed = graph.array(codes_input(node))
    rows = packed.shape[0]
    packed = packed.reshape(rows, -1)
    scales = np.asarray(graph.array(node.input[2]), np.float32).reshape(rows, -1)
    zeros = stored_zeros(graph, node, rows, scales.shape[1])
    return IntegerMatrix(bits, group, unpack(packed, bits, packed.shape[1] * 8 // bits), scales, zeros)


def stored_zeros(graph: Graph, node: Any, rows: int, groups: int) -> np.ndarray[Any, Any]:
    """The zero points (rows, groups) of a node; the middle where it has none."""
    import numpy as np

    bits = attribute(node, "bits", 4)
    if len(node.input) < 4:
        return np.full((rows, groups), 1 << (bits - 1), np.uint8)
    return unpack(graph.array(node.input[3]).reshape(rows, -1), bits, groups)


def _all_middle(graph: Graph, node: Any) -> bool:
    rows = graph.shape(codes_input(node))[0]
    groups = math.prod(graph.shape(node.input[2])) // rows
    middle = 1 << (attribute(node, "bits", 4) - 1)
    return bool((stored_zeros(graph, node, rows, groups) == middle).all())


def pack(codes: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """Rows of codes to rows of bytes, the lower bits first; the last byte of a row is padded with zeros."""
    import numpy as np

    if bits == 8:
        return np.ascontiguousarray(codes)
    if codes.shape[1] % 2:
        codes = np.pad(codes, ((0, 0), (0, 1)))
    packed: np.ndarray[Any, Any] = codes[:, 0::2] | (codes[:, 1::2] << 4)
    return packed
