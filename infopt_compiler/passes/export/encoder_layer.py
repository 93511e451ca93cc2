"""A layer of BERT as onnxruntime's CPU kernels run it fastest: docs/passes.md, "Encoders", has the times.

Source: J. Devlin et al., BERT, arXiv 1810.04805, section 3 (post-norm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infopt_compiler.architectures import Place, Role, Site
from infopt_compiler.passes.export.encoder_nodes import MICROSOFT, Nodes

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Mask:
    """`tokens`, int32 (batch, length): 1 where there is one, 0 where there is padding. `full`, bool: there is no padding."""

    tokens: str
    full: str


def read_mask(nodes: Nodes, given: str) -> Mask:
    from onnx import TensorProto

    tokens = nodes.node("Cast", [given], "mask", to=TensorProto.INT32)
    least = nodes.node("ReduceMin", [tokens], "mask.least", keepdims=0)
    return Mask(tokens, nodes.node("Cast", [least], "mask.full", to=TensorProto.BOOL))


def encoder_layer(nodes: Nodes, hidden: str, mask: Mask, index: int, heads: int) -> str:
    """Attention and feed-forward, each with its residual and layer norm behind it."""
    block, place = nodes.weights.family.block, nodes.weights.family.names.layer(index)
    parts = [nodes.linear(hidden, place + module) for module in block.modules(Site.attention_in)]
    attended = _attention(nodes, parts, mask, f"{place}attention.attended", heads)
    out = nodes.linear(attended, place + block.linear(Role.attention_out).module)
    hidden = _residual(nodes, out, hidden, place, Place.attention_added)
    widened = block.linear(Role.up)
    up = nodes.linear(hidden, place + widened.module)
    active = nodes.node("Gelu", [up], f"{place}{widened.parent}.active", MICROSOFT)
    down = nodes.linear(active, place + block.linear(Role.down).module)
    return _residual(nodes, down, hidden, place, Place.mlp_added)


def _attention(nodes: Nodes, parts: list[str], mask: Mask, output: str, heads: int) -> str:
    """Without a mask the kernel goes over the keys in tiles that stay in the caches (flash attention), with one it does not:
    so texts of one length, and single ones, do without."""
    branches = {
        "then_branch": _branch([*parts], f"{output}.full", heads),
        "else_branch": _branch([*parts, "", mask.tokens], f"{output}.padded", heads),
    }
    return nodes.node("If", [mask.full], output, **branches)


def _branch(inputs: list[str], output: str, heads: int) -> onnx.GraphProto:
    from onnx import TensorProto, helper

    node = helper.make_node(
        "MultiHeadAttention", inputs, [output], name=output, domain=MICROSOFT, num_heads=heads
    )
    value = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", "length", None])
    return helper.make_graph([node], output.rpartition(".")[2], [], [value])


def _residual(nodes: Nodes, x: str, skip: str, layer: str, place: Place) -> str:
    """Not SkipLayerNormalization: on CPUs that takes five times as long as a sum and a norm. `Sum`, because onnxruntime's
    optimizer makes an `Add` and a norm that one."""
    norm = nodes.weights.family.block.norm(place)
    assert norm is not None  # of a family that `encoder_graph` writes out
    module = layer + norm.module
    name = module.rpartition(".")[0]
    total = nodes.node("Sum", [x, skip], f"{name}.sum")
    return nodes.norm(total, module, f"{name}.normed")
