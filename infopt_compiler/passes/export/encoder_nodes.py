"""Nodes and initializers of an encoder's graph, and the operators that are several nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from infopt_compiler.architectures import Family

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Int8:
    """A matrix as integers: `values` int8 (inputs, outputs), `scales` float32 (outputs,); a weight is value x scale.

    Of a table: `values` (rows, width), `scales` (rows,).
    """

    values: Array
    scales: Array


class Weights(Protocol):
    """Matrices and vectors of a model by their names in its family's description."""

    family: Family

    def vector(self, name: str) -> Array:
        """Float32."""

    def matrix(self, module: str) -> Array | Int8:
        """Of a linear layer: float32 (inputs, outputs), or integers."""

    def table(self, module: str) -> Array | Int8:
        """Of an embedding: float32 (rows, width), or integers with a scale for each row."""


class Nodes:
    """Collects nodes and initializers. A tensor's name says where it comes from: `layers.0.attention.query`."""

    def __init__(self, weights: Weights, epsilon: float) -> None:
        """`epsilon` is that of all layer norms."""
        self.weights, self.epsilon = weights, epsilon
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"{output}/{op}", domain=domain, **attributes)
        )
        return output

    def constant(self, name: str, value: Array) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def vector(self, name: str) -> str:
        return self.constant(name, self.weights.vector(name))

    def linear(self, x: str, module: str) -> str:
        """`x` times a weight, plus its bias."""
        matrix = self.weights.matrix(module)
        if isinstance(matrix, Int8):
            values = self.constant(f"{module}.weight_int8", matrix.values)
            scales = self.constant(f"{module}.scales", matrix.scales)
            bias = self.vector(f"{module}.bias")
            return self.node("DynamicQuantizeMatMul", [x, values, scales, "", bias], module, MICROSOFT)
        product = self.node("MatMul", [x, self.constant(f"{module}.weight", matrix)], f"{module}.product")
        return self.node("Add", [product, self.vector(f"{module}.bias")], module)

    def norm(self, x: str, module: str, output: str) -> str:
        ends = [self.vector(f"{module}.{end}") for end in ("weight", "bias")]
        return self.node("LayerNormalization", [x, *ends], output, axis=-1, epsilon=self.epsilon)

    def lookup(self, module: str, ids: str, output: str) -> str:
        """Rows of a table; of one in integers only the rows that are looked up become floats."""
        from onnx import TensorProto

        table = self.weights.table(module)
        if not isinstance(table, Int8):
            return self.node("Gather", [self.constant(f"{module}.weight", table), ids], output)
        values = self.constant(f"{module}.weight_int8", table.values)
        scales = self.constant(f"{module}.scales", table.scales[:, None])
        levels = self.node("Gather", [values, ids], f"{output}.levels")
        factors = self.node("Gather", [scales, ids], f"{output}.scales")
        floats = self.node("Cast", [levels], f"{output}.floats", to=TensorProto.FLOAT)
        return self.node("Mul", [floats, factors], output)
