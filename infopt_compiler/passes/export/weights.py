"""Holds the integers of an exported graph against those of the QuantizedModel, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from infopt_compiler.architectures import Family
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export import nodes
from infopt_compiler.passes.export.graph import Graph, attribute, quantized_nodes, stored_matrix
from infopt_compiler.passes.export.olive import Embedding, IntegerMatrix, QuantizedFolder

if TYPE_CHECKING:
    import numpy as np


def modules_of(node_name: str, family: Family) -> tuple[str, ...]:
    """The modules whose rows a `MatMulNBits` node holds, in order; empty for a node of another origin."""
    if node_name.startswith(nodes.HEAD):
        return (family.names.head,)
    found = nodes.layer_and_roles(node_name)
    if found is None:
        return ()
    layer, roles = found
    linears = dict.fromkeys(family.block.linear(role).module for role in roles)  # fused ones once
    return tuple(family.names.layer(layer) + module for module in linears)


def compare_weights(graph: Graph, source: QuantizedFolder) -> dict[str, int]:
    """Require that each integer of `source` is in `graph`, in its place, and that the graph has no others.

    Gives the counts of nodes and of weights compared. Raises PassError (E0732) naming the node, the first
    differing position and both values.
    """
    expected = set(source.modules())
    seen: set[str] = set()
    weights = 0
    for node in quantized_nodes(graph):
        modules = _modules(node, source, expected)
        weights += _compare_node(graph, node, source, modules)
        seen.update(modules)
    if missing := sorted(expected - seen):
        raise _failure(f"{missing[0]} is quantized, but no node of the exported graph holds its integers")
    return {"nodes_compared": len(quantized_nodes(graph)), "weights_compared": weights}


def _modules(node: Any, source: QuantizedFolder, expected: set[str]) -> tuple[str, ...]:
    if node.op_type == "GatherBlockQuantized":
        names = source.family.names
        return (names.embedding if source.embedding is Embedding.own else names.head,)
    modules = modules_of(node.name, source.family)
    if not modules or not set(modules) <= expected:
        raise _failure(f"node {node.name} holds integer weights that the quantized model does not have")
    return modules


def _compare_node(graph: Graph, node: Any, source: QuantizedFolder, modules: tuple[str, ...]) -> int:
    stored = stored_matrix(graph, node)
    first = 0
    for module in modules:
        matrix = source.matrix(module)
        last = first + matrix.codes.shape[0]
        _compare_matrix(node.name, module, stored, matrix, slice(first, last))
        first = last
    if first != stored.codes.shape[0] or attribute(node, "N", first) != first:
        raise _failure(f"node {node.name} has {stored.codes.shape[0]} rows where {modules} have {first}")
    return int(stored.codes.size)


def _compare_matrix(
    node: str, module: str, stored: IntegerMatrix, matrix: IntegerMatrix, rows: slice
) -> None:
    if (stored.bits, stored.group) != (matrix.bits, matrix.group):
        raise _failure(
            f"node {node} has {stored.bits} bits in groups of {stored.group}, {module} has "
            f"{matrix.bits} bits in groups of {matrix.group}"
        )
    for part, ours, theirs in (
        ("codes", stored.codes[rows], matrix.codes),
        ("scales", stored.scales[rows], matrix.scales),
        ("zero points", stored.zeros[rows], matrix.zeros),
    ):
        for message in _differences(ours, theirs):
            raise _failure(f"node {node}: {part} of {module} differ: {message}")


def _differences(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> Iterator[str]:
    import numpy as np

    if ours.shape != theirs.shape:
        yield f"shape {ours.shape} in the graph, {theirs.shape} in the quantized model"
        return
    # Bits, not values: -0.0 and 0.0 or two NaNs must not pass for each other.
    unequal = np.ascontiguousarray(ours).view(np.uint8) != np.ascontiguousarray(theirs).view(np.uint8)
    if unequal.any():
        values = unequal.reshape(*ours.shape, -1).any(axis=-1)
        row, column = (int(index) for index in np.argwhere(values)[0])
        yield (
            f"{int(values.sum())} of {values.size}, first at row {row}, column {column}: "
            f"{ours[row, column]} in the graph, {theirs[row, column]} in the quantized model"
        )


def _failure(message: str) -> PassError:
    return PassError(
        f"the exported weights are not the quantized ones: {message}",
        code="E0732",
        help="This is a fault of the export, not of the recipe.",
    )
