"""Small ONNX graphs of one operator, for timing its kernel. The operators and attributes are those of the artifacts."""

from __future__ import annotations

from typing import Any, Protocol

_MICROSOFT = "com.microsoft"


class LayerShape(Protocol):
    """What `layers.Layer` says of a layer."""

    @property
    def operator(self) -> str: ...
    @property
    def hidden(self) -> int: ...
    @property
    def inner(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def kv_heads(self) -> int: ...
    @property
    def width(self) -> int: ...


class Graph:
    """Nodes and initializers of a small model."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._values: list[Any] = []
        self._presents: dict[str, list[int]] = {}

    def _node(
        self,
        op: str,
        inputs: list[str],
        outputs: list[str] | None = None,
        domain: str = _MICROSOFT,
        **attributes: Any,
    ) -> str:
        from onnx import helper

        names = outputs or [f"t{len(self._nodes)}"]
        self._nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        return names[0]

    def _value(self, array: Any) -> str:
        from onnx import numpy_helper

        name = f"w{len(self._values)}"
        self._values.append(numpy_helper.from_array(array, name))
        return name

    def product(self, operator: str, x: str, width: int, height: int, *, bias: bool = False) -> str:
        """`x` times weights of its own (width, height): `float32`, `int8` or `nbits:BITS:GROUP:LEVEL`. Its output's name.
        With `bias` (of the first two) one is added."""
        import numpy as np

        # Random: pages of equal bytes may be merged behind our back, and then come from a cache.
        rng = np.random.default_rng(len(self._values))
        if operator == "float32":
            # about as large as trained ones: large ones make attention's weights denormal, which some processors are slow at
            weights = (rng.random((width, height), np.float32) - 0.5) * np.float32((12 / width) ** 0.5)
            out = self._node("MatMul", [x, self._value(weights)], domain="")
            return (
                self._node("Add", [out, self._value(np.ones(height, np.float32))], domain="") if bias else out
            )
        if operator == "int8":
            values = self._value(rng.integers(-127, 128, (width, height), np.int8))
            scales = self._value(np.full(height, 1e-4, np.float32))
            ends = ["", self._value(np.ones(height, np.float32))] if bias else []
            return self._node("DynamicQuantizeMatMul", [x, values, scales, *ends])
        bits, group, level = (int(part) for part in operator.split(":")[1:])
        group = group or width
        blocks = -(-width // group)
        packed = self._value(rng.integers(0, 256, (height, blocks, group * bits // 8), np.uint8))
        scales = self._value(np.full(height * blocks, 1e-4, np.float32))
        sizes: dict[str, Any] = {
            "K": width,
            "N": height,
            "bits": bits,
            "block_size": group,
            "accuracy_level": level,
        }
        return self._node("MatMulNBits", [x, packed, scales], **sizes)

    def decoder_layer(
        self, k: int, x: str, skip: str, layer: LayerShape, batch: int, keys: int
    ) -> tuple[str, str]:
        """Layer `k` of a Llama, as the builder writes it: (output, residual) from the (output, residual) before it."""
        operator, inner = layer.operator, layer.heads * layer.width
        normed, skip = self._norm(x, skip, layer.hidden)
        packed = self.product(operator, normed, layer.hidden, inner + 2 * layer.kv_heads * layer.width)
        attended = self.gqa(k, layer.heads, layer.kv_heads, layer.width, keys, packed, batch)
        normed, skip = self._norm(self.product(operator, attended, inner, layer.hidden), skip, layer.hidden)
        gate, up = (self.product(operator, normed, layer.hidden, layer.inner) for _ in range(2))
        active = self._node("Mul", [self._node("QuickGelu", [gate], alpha=1.0), up], domain="")
        return self.product(operator, active, layer.inner, layer.hidden), skip

    def _norm(self, x: str, skip: str, width: int) -> tuple[str, str]:
        import numpy as np

        count = len(self._nodes)
        ends = [f"normed{count}", "", "", f"sum{count}"]
        self._node(
            "SkipSimplifiedLayerNormalization", [x, skip, self._value(np.ones(width, np.float32))], ends
        )
        return ends[0], ends[3]

    def encoder_layer(self, x: str, layer: LayerShape) -> str:
        """A layer of BERT, as `export` writes it for texts without padding."""
        operator, inner = layer.operator, layer.heads * layer.width

        def residual(out: str, skip: str) -> str:
            total = self._node("Sum", [out, skip], domain="")
            return self._node("LayerNormalization", [total, *self._ones(layer.hidden, 2)], domain="")

        parts = [self.product(operator, x, layer.hidden, inner, bias=True) for _ in "qkv"]
        attended = self._node("MultiHeadAttention", parts, num_heads=layer.heads)
        x = residual(self.product(operator, attended, inner, layer.hidden, bias=True), x)
        up = self.product(operator, x, layer.hidden, layer.inner, bias=True)
        active = self._node("Gelu", [up])
        return residual(self.product(operator, active, layer.inner, layer.hidden, bias=True), x)

    def _ones(self, width: int, count: int) -> list[str]:
        import numpy as np

        return [self._value(np.ones(width, np.float32)) for _ in range(count)]

    def mha(self, heads: int) -> str:
        return self._node("MultiHeadAttention", ["q", "k", "v"], num_heads=heads)

    def gqa(
        self, k: int, heads: int, kv_heads: int, width: int, keys: int, x: str = "x", batch: int = 1
    ) -> str:
        """Of packed queries, keys and values `x`; `keys` in all, the cache in the inputs `key<k>` and `value<k>`."""
        import numpy as np

        angles = np.ones((keys, width // 2), np.float32)
        ends = [self._value(np.full(batch, keys - 1, np.int32)), self._value(np.array(keys, np.int32))]
        tables = [self._value(angles), self._value(angles)]
        presents = [f"present_key{k}", f"present_value{k}"]
        for name in presents:
            self._presents[name] = [batch, kv_heads, keys, width]
        inputs = [x, "", "", f"key{k}", f"value{k}", *ends, *tables]
        sizes: dict[str, Any] = {"num_heads": heads, "kv_num_heads": kv_heads, "do_rotary": 1}
        return self._node("GroupQueryAttention", inputs, [f"attended{k}", *presents], **sizes)

    def session(self, inputs: dict[str, list[Any]], outputs: list[str], threads: int) -> Any:
        """An onnxruntime session with float inputs of these shapes."""
        import onnxruntime
        from onnx import TensorProto, helper

        given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in inputs.items()]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        ends += [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in self._presents.items()]
        graph = helper.make_graph(self._nodes, "probe", given, ends, self._values)
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        text = model.SerializeToString()
        return onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
