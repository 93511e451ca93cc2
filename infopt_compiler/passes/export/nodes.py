"""Names that the onnxruntime-genai builder (0.18) gives to a decoder's nodes, whatever the model calls its tensors."""

from __future__ import annotations

import re

from infopt_compiler.architectures import Role

HEAD = "/lm_head/"
HEAD_PRODUCT = "/lm_head/MatMul"
EMBEDDING = "/model/embed_tokens/Gather"
GATE, UP, GATE_UP = "gate_proj", "up_proj", "gate_up_proj"
QKV = "qkv_proj"
PARTS = {Role.query: "q_proj", Role.key: "k_proj", Role.value: "v_proj"}

_LINEARS = {
    **{f"attn/{name}": (role,) for role, name in PARTS.items()},
    f"attn/{QKV}": tuple(PARTS),
    "attn/o_proj": (Role.attention_out,),
    f"mlp/{GATE}": (Role.gate,),
    f"mlp/{UP}": (Role.up,),
    f"mlp/{GATE_UP}": (Role.gate, Role.up),
    "mlp/down_proj": (Role.down,),
}
_LAYER_NODE = re.compile(r"^/model/layers\.(\d+)/(\w+/\w+)/MatMulNBits$")


def layer_and_roles(node: str) -> tuple[int, tuple[Role, ...]] | None:
    """Which linears' rows a `MatMulNBits` of a layer holds, in order; None of a node of another origin."""
    found = _LAYER_NODE.match(node)
    if found is None or found[2] not in _LINEARS:
        return None
    return int(found[1]), _LINEARS[found[2]]
