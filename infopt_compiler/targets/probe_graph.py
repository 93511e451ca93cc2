"""Small ONNX graphs of one operator, for timing its kernel. The operators and attributes are those of the artifacts."""

from __future__ import annotations

from typing import Any

_MICROSOFT = "com.microsoft"


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

    def product(self, operator: str, x: str, width: int, height: int) -> str:
        """`x` times weights of its own (width, height): `float32`, `int8` or `nbits:BITS:GROUP:LEVEL`. Its output's name."""
        import numpy as np

        # Random: pages of equal bytes may be merged behind our back, and then come from a cache.
        rng = np.random.default_rng(len(self._values))
        if operator == "float32":
            weights = rng.random((width, height), np.float32)
            return self._node("MatMul", [x, self._value(weights)], domain="")
        if operator == "int8":
            values = self._value(rng.integers(-127, 128, (width, height), np.int8))
            scales = self._value(np.full(height, 1e-4, np.float32))
            return self._node("DynamicQuantizeMatMul", [x, values, scales])
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

    def elementwise(self, kind: str, x: str, count: int, width: int) -> str:
        """A chain of `count` norms with skip, SiLU gates or GELUs with bias; the name of its end."""
        import numpy as np

        ones, skip = self._value(np.ones(width, np.float32)), x
        for _ in range(count):
            if kind == "norm":
                x = self._node("SkipSimplifiedLayerNormalization", [x, skip, ones])
            elif kind == "layernorm":
                x = self._node("SkipLayerNormalization", [x, skip, ones, ones, ones])
            elif kind == "gelu":
                x = self._node("BiasGelu", [x, ones])
            else:
                x = self._node("Mul", [self._node("QuickGelu", [x], alpha=1.0), skip], domain="")
        return x

    def mha(self, heads: int) -> str:
        return self._node("MultiHeadAttention", ["q", "k", "v"], num_heads=heads)

    def gqa(self, k: int, heads: int, kv_heads: int, width: int, keys: int) -> str:
        """Of packed queries, keys and values `x`; `keys` in all, the cache in the inputs `key<k>` and `value<k>`."""
        import numpy as np

        angles = np.ones((keys, width // 2), np.float32)
        ends = [self._value(np.array([keys - 1], np.int32)), self._value(np.array(keys, np.int32))]
        tables = [self._value(angles), self._value(angles)]
        presents = [f"present_key{k}", f"present_value{k}"]
        for name in presents:
            self._presents[name] = [1, kv_heads, keys, width]
        inputs = ["x", "", "", f"key{k}", f"value{k}", *ends, *tables]
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
