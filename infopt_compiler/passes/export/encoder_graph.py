"""The graph of a BERT encoder, emitted with the fused operators of onnxruntime; pooling and normalisation inside.

Source: J. Devlin et al., BERT, arXiv 1810.04805, section 3; pooling as in N. Reimers and I. Gurevych,
Sentence-BERT, arXiv 1908.10084, section 3. Written out, not traced: the fusions that onnxruntime's own optimizer
finds in a traced graph leave attention out, and integers of a quantized model go in as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

MICROSOFT = "com.microsoft"
OPSET = 18
INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # int64, (batch, length)
OUTPUT = "sentence_embedding"  # float32, (batch, hidden)


@dataclass(frozen=True)
class Int8:
    """A matrix as integers: `values` int8 (inputs, outputs), `scales` float32 (outputs,); a weight is value x scale.

    Of a table: `values` (rows, width), `scales` (rows,).
    """

    values: Array
    scales: Array


class Weights(Protocol):
    """Matrices and vectors of a model by their names in its state dict, `bert.` left out."""

    def vector(self, name: str) -> Array:
        """Float32."""

    def matrix(self, module: str) -> Array | Int8:
        """Of a linear layer: float32 (inputs, outputs), or integers."""

    def table(self, module: str) -> Array | Int8:
        """Of an embedding: float32 (rows, width), or integers with a scale for each row."""


class EncoderGraph:
    """Collects nodes and initializers. A tensor's name says where it comes from: `layers.0.attention.query`."""

    def __init__(self, config: dict[str, Any], weights: Weights) -> None:
        self.config, self.weights = config, weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def build(self, pooling: str, normalize: bool) -> onnx.ModelProto:
        """The model; inputs of any batch and length."""
        from onnx import TensorProto, helper

        hidden = self._embed()
        mask = self.node("Cast", [INPUTS[1]], "mask", to=TensorProto.INT32)
        for k in range(self.config["num_hidden_layers"]):
            hidden = self._layer(hidden, mask, k)
        self._pool(hidden, pooling, normalize)
        shape = ["batch", "length"]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in INPUTS]
        width = self.config["hidden_size"]
        output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", width])
        graph = helper.make_graph(self.nodes, "encoder", inputs, [output], self.initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, producer_name="infopt-compile", ir_version=9)

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

    def _embed(self) -> str:
        """Words, positions and segments, summed and normalised: (batch, length, hidden)."""
        import numpy as np

        words = self._words()
        types = self.node(
            "Gather", [self.vector("embeddings.token_type_embeddings.weight"), INPUTS[2]], "embeddings.types"
        )
        zero, one = self.constant("zero", np.array(0)), self.constant("one", np.array(1))
        length = self.node("Gather", [self.node("Shape", [INPUTS[0]], "shape"), one], "length")
        table = self.vector("embeddings.position_embeddings.weight")
        places = self.node("Range", [zero, length, one], "positions")
        rows = self.node("Gather", [table, places], "embeddings.positions")
        both = self.node("Add", [words, types], "embeddings.sum")
        total = self.node("Add", [both, rows], "embeddings.total")
        ends = [self.vector(f"embeddings.LayerNorm.{end}") for end in ("weight", "bias")]
        epsilon = self.config.get("layer_norm_eps", 1e-12)
        return self.node("LayerNormalization", [total, *ends], "embeddings.normed", axis=-1, epsilon=epsilon)

    def _words(self) -> str:
        """Rows of the table of words; of one in integers only the rows that are looked up become floats."""
        from onnx import TensorProto

        table = self.weights.table("embeddings.word_embeddings")
        if not isinstance(table, Int8):
            name = self.constant("embeddings.word_embeddings.weight", table)
            return self.node("Gather", [name, INPUTS[0]], "embeddings.words")
        values = self.constant("embeddings.word_embeddings.weight_int8", table.values)
        scales = self.constant("embeddings.word_embeddings.scales", table.scales[:, None])
        levels = self.node("Gather", [values, INPUTS[0]], "embeddings.words.levels")
        factors = self.node("Gather", [scales, INPUTS[0]], "embeddings.words.scales")
        floats = self.node("Cast", [levels], "embeddings.words.floats", to=TensorProto.FLOAT)
        return self.node("Mul", [floats, factors], "embeddings.words")

    def _layer(self, hidden: str, mask: str, k: int) -> str:
        """Attention and feed-forward, each with its residual and layer norm behind it (post-norm)."""
        place = f"encoder.layer.{k}"
        heads = self.config["num_attention_heads"]
        parts = [
            self._linear(hidden, f"{place}.attention.self.{one}", bias=True)
            for one in ("query", "key", "value")
        ]
        attended = self.node(
            "MultiHeadAttention",
            [*parts, "", mask],
            f"{place}.attention.attended",
            MICROSOFT,
            num_heads=heads,
        )
        out = self._linear(attended, f"{place}.attention.output.dense", bias=False)
        hidden = self._residual(out, hidden, f"{place}.attention.output")
        up = self._linear(hidden, f"{place}.intermediate.dense", bias=False)
        bias = self.vector(f"{place}.intermediate.dense.bias")
        active = self.node("BiasGelu", [up, bias], f"{place}.intermediate.active", MICROSOFT)
        down = self._linear(active, f"{place}.output.dense", bias=False)
        return self._residual(down, hidden, f"{place}.output")

    def _linear(self, x: str, module: str, *, bias: bool) -> str:
        """`x` times a weight; its bias is added here, or by the node that follows."""
        matrix = self.weights.matrix(module)
        if isinstance(matrix, Int8):
            values = self.constant(f"{module}.weight_int8", matrix.values)
            scales = self.constant(f"{module}.scales", matrix.scales)
            ends = [self.vector(f"{module}.bias")] if bias else []
            return self.node("DynamicQuantizeMatMul", [x, values, scales, "", *ends], module, MICROSOFT)
        product = f"{module}.product" if bias else module
        self.node("MatMul", [x, self.constant(f"{module}.weight", matrix)], product)
        return self.node("Add", [product, self.vector(f"{module}.bias")], module) if bias else product

    def _residual(self, x: str, skip: str, place: str) -> str:
        ends = [self.vector(f"{place}.LayerNorm.{end}") for end in ("weight", "bias")]
        bias = self.vector(f"{place}.dense.bias")
        epsilon = self.config.get("layer_norm_eps", 1e-12)
        return self.node(
            "SkipLayerNormalization",
            [x, skip, *ends, bias],
            f"{place}.normed",
            MICROSOFT,
            epsilon=epsilon,
        )

    def _pool(self, hidden: str, pooling: str, normalize: bool) -> None:
        """One vector for each text: (batch, hidden)."""
        name = "pooled" if normalize else OUTPUT
        if pooling == "cls":
            import numpy as np

            self.node("Gather", [hidden, self.constant("first", np.array(0))], name, axis=1)
        else:
            self._mean(hidden, name)
        if normalize:
            self.node("LpNormalization", [name], OUTPUT, axis=-1, p=2)

    def _mean(self, hidden: str, name: str) -> None:
        """Over the tokens that are no padding."""
        import numpy as np
        from onnx import TensorProto

        last, middle = self.constant("last", np.array([-1])), self.constant("middle", np.array([1]))
        flags = self.node("Cast", [INPUTS[1]], "mask.float", to=TensorProto.FLOAT)
        column = self.node("Unsqueeze", [flags, last], "mask.column")
        kept = self.node("Mul", [hidden, column], "tokens.kept")
        total = self.node("ReduceSum", [kept, middle], "tokens.sum", keepdims=0)
        count = self.node("ReduceSum", [column, middle], "tokens.count", keepdims=0)
        least = self.node("Max", [count, self.constant("tiny", np.array(1e-9, np.float32))], "tokens.divisor")
        self.node("Div", [total, least], name)
