"""The graph of a BERT encoder, emitted with operators of onnxruntime; pooling and normalisation inside.

Source: J. Devlin et al., BERT, arXiv 1810.04805, section 3; pooling as in N. Reimers and I. Gurevych,
Sentence-BERT, arXiv 1908.10084, section 3. Written out, not traced: the fusions that onnxruntime's own optimizer
finds in a traced graph leave attention out, and integers of a quantized model go in as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infopt_compiler.architectures import read_numbers
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.export.encoder_layer import encoder_layer, read_mask
from infopt_compiler.passes.export.encoder_nodes import MICROSOFT, Nodes, Weights

if TYPE_CHECKING:
    import onnx

OPSET = 18
INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # int64, (batch, length)
OUTPUT = "sentence_embedding"  # float32, (batch, hidden)


def encoder_graph(config: dict[str, Any], weights: Weights, pooling: str, normalize: bool) -> onnx.ModelProto:
    """The model; inputs of any batch and length."""
    spec = ModelSpec.from_config(config)
    nodes = Nodes(weights, read_numbers(spec.family, config).epsilon)
    hidden, mask = _embed(nodes), read_mask(nodes, INPUTS[1])
    for k in range(spec.layers):
        hidden = encoder_layer(nodes, hidden, mask, k, spec.heads)
    _pool(nodes, hidden, pooling, normalize)
    return _model(nodes, spec.hidden)


def _model(nodes: Nodes, width: int) -> onnx.ModelProto:
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in INPUTS]
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", width])
    graph = helper.make_graph(nodes.nodes, "encoder", inputs, [output], nodes.initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, producer_name="infopt-compile", ir_version=9)


def _embed(nodes: Nodes) -> str:
    """Words, positions and segments, summed and normalised: (batch, length, hidden)."""
    import numpy as np

    names = nodes.weights.family.names
    words = nodes.lookup(names.embedding, INPUTS[0], "embeddings.words")
    kinds = nodes.vector(f"{names.segments}.weight")
    types = nodes.node("Gather", [kinds, INPUTS[2]], "embeddings.types")
    zero, one = nodes.constant("zero", np.array(0)), nodes.constant("one", np.array(1))
    length = nodes.node("Gather", [nodes.node("Shape", [INPUTS[0]], "shape"), one], "length")
    table = nodes.vector(f"{names.positions}.weight")
    places = nodes.node("Range", [zero, length, one], "positions")
    rows = nodes.node("Gather", [table, places], "embeddings.positions")
    both = nodes.node("Add", [words, types], "embeddings.sum")
    total = nodes.node("Add", [both, rows], "embeddings.total")
    return nodes.norm(total, names.embedded_norm, "embeddings.normed")


def _pool(nodes: Nodes, hidden: str, pooling: str, normalize: bool) -> None:
    """One vector for each text: (batch, hidden)."""
    name = "pooled" if normalize else OUTPUT
    if pooling == "cls":
        import numpy as np

        nodes.node("Gather", [hidden, nodes.constant("first", np.array(0))], name, axis=1)
    else:
        _mean(nodes, hidden, name)
    if normalize:
        nodes.node("LpNormalization", [name], OUTPUT, axis=-1, p=2)


def _mean(nodes: Nodes, hidden: str, name: str) -> None:
    """Over the tokens that are no padding."""
    import numpy as np
    from onnx import TensorProto

    last, middle = nodes.constant("last", np.array([-1])), nodes.constant("middle", np.array([1]))
    flags = nodes.node("Cast", [INPUTS[1]], "mask.float", to=TensorProto.FLOAT)
    column = nodes.node("Unsqueeze", [flags, last], "mask.column")
    kept = nodes.node("Mul", [hidden, column], "tokens.kept")
    total = nodes.node("ReduceSum", [kept, middle], "tokens.sum", keepdims=0)
    count = nodes.node("ReduceSum", [column, middle], "tokens.count", keepdims=0)
    least = nodes.node("Max", [count, nodes.constant("tiny", np.array(1e-9, np.float32))], "tokens.divisor")
    nodes.node("Div", [total, least], name)
