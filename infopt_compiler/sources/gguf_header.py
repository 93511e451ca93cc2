"""The header of a GGUF file: metadata and tensor names, read from any stream without its data (and without torch).

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, replace
from typing import IO, Any

from infopt_compiler.architectures import find_family
from infopt_compiler.architectures.keys import config_keys
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.sources.errors import SourceError

_SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16",
}  # fmt: skip
_CLASSES = {
    "gemma2": "Gemma2ForCausalLM",
    "phi3": "Phi3ForCausalLM",
}  # the class that transformers reads those into that no family describes; others keep GGUF's name
_LIMIT = 10_000_000  # elements of an array, bytes of a string: more is no header


@dataclass(frozen=True)
class GgufHeader:
    """`metadata` without arrays, of which only the lengths are kept; `tensors` maps names to type, shape and offset."""

    metadata: dict[str, Any]
    lengths: dict[str, int]
    tensors: dict[str, tuple[str, tuple[int, ...], int]]

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", "unknown"))

    @property
    def weight_type(self) -> str:
        """The type that most matrices have, such as `Q4_1`."""
        types = Counter(kind for kind, shape, _ in self.tensors.values() if len(shape) > 1)
        return types.most_common(1)[0][0] if types else "unknown"

    def spec(self) -> ModelSpec:
        """The shapes of the model as it will be imported (float32); KeyError where the header lacks them."""

        def read(key: str) -> Any:
            return self.metadata[f"{self.architecture}.{key}"]

        heads, kind = read("attention.head_count"), self.architecture
        family = find_family(kind)
        keys = config_keys(family.keys, kind)
        spec = ModelSpec.from_config(
            {
                "architectures": [*family.classes, _CLASSES.get(kind, kind)][:1],
                "model_type": kind,
                keys.layers: read("block_count"),
                keys.hidden: read("embedding_length"),
                keys.intermediate: read("feed_forward_length"),
                keys.heads: heads,
                keys.kv_heads: self.metadata.get(f"{kind}.attention.head_count_kv", heads),
                keys.head_dim: self.metadata.get(f"{kind}.attention.key_length"),
                keys.vocabulary: self.tensors["token_embd.weight"][1][1],
                keys.context: read("context_length"),
                keys.tied: "output.weight" not in self.tensors,
            }
        )
        return replace(spec, attention_bias="blk.0.attn_q.bias" in self.tensors)


class _Reader:
    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def bytes(self, count: int) -> bytes:
        data = self.stream.read(count)
        if len(data) < count:
            raise SourceError("E0605", "the GGUF file is cut short: its header is not whole")
        return data

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.bytes(struct.calcsize(form)))[0]

    def length(self) -> int:
        count = int(self.number("<Q"))
        if count > _LIMIT:
            raise SourceError("E0606", "the file is no GGUF file: an impossible length in its header")
        return count

    def string(self) -> str:
        return self.bytes(self.length()).decode("utf-8", errors="replace")

    def scalar_form(self, kind: int) -> str:
        if kind not in _SCALARS:
            raise SourceError("E0606", f"the file is no GGUF file: unknown type {kind} in its header")
        return _SCALARS[kind]

    def skip_array(self) -> int:
        kind, count = self.number("<I"), self.length()
        if kind == _STRING:
            for _ in range(count):
                self.bytes(self.length())
        elif kind == _ARRAY:
            for _ in range(count):
                self.skip_array()
        else:
            self.bytes(count * struct.calcsize(self.scalar_form(kind)))
        return count


def read_gguf_header(stream: IO[bytes]) -> GgufHeader:
    """SourceError E0606 where it is no GGUF file, E0605 where it ends too early."""
    reader = _Reader(stream)
    if stream.read(4) != b"GGUF" or reader.number("<I") < 2:
        raise SourceError("E0606", "the file is no GGUF file of version 2 or later")
    tensor_count, pairs = reader.length(), reader.length()
    metadata: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    for _ in range(pairs):
        key, kind = reader.string(), reader.number("<I")
        if kind == _ARRAY:
            lengths[key] = reader.skip_array()
        else:
            metadata[key] = reader.string() if kind == _STRING else reader.number(reader.scalar_form(kind))
    tensors = {}
    for _ in range(tensor_count):
        name = reader.string()
        shape = tuple(reader.number("<Q") for _ in range(reader.number("<I")))
        kind = reader.number("<I")
        tensors[name] = (_TYPES.get(kind, f"type {kind}"), shape, reader.number("<Q"))
    return GgufHeader(metadata, lengths, tensors)
