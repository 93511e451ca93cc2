"""The tensors of a decoder's folder by arithmetic: names, shapes, item sizes, as the store's folders have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from infopt_compiler.artifacts import ModelSpec, WeightFormat

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Stored:
    """The shape of a tensor in a file, and the bytes of one item (scales are float32 whatever else is)."""

    shape: tuple[int, ...]
    item_bytes: int = FLOAT_BYTES

    @property
    def bytes(self) -> int:
        return prod(self.shape) * self.item_bytes


def tensors_of(spec: ModelSpec) -> dict[str, Stored]:
    """Every tensor of the folder that `spec` describes, HFModel or QuantizedModel, by name.

    Quantized linears are `X.qweight`, `X.scales`, `X.qzeros` (`artifacts.quantized`); the embedding's table is stored
    as floats there, whatever its integers are.
    """
    names = spec.family.names
    found = {f"{names.embedding}.weight": Stored((spec.vocabulary, spec.hidden), spec.float_bytes)}
    for layer in range(spec.layers):
        found.update(_layer(spec, names.layer(layer)))
    found |= {name: Stored(shape, spec.float_bytes) for name, shape in spec.outer_shapes().items()}
    if has_own_head(spec):
        found.update(_matrix(names.head, (spec.vocabulary, spec.hidden), spec.head, spec.float_bytes))
    return found


def has_own_head(spec: ModelSpec) -> bool:
    """Whether the folder holds the head's tensors: a head that is not tied, or is quantized."""
    return not spec.tied or spec.head.bits < 16


def _layer(spec: ModelSpec, prefix: str) -> Iterator[tuple[str, Stored]]:
    for name, shape in spec.linear_shapes().items():
        yield from _matrix(prefix + name, shape, spec.linear, spec.float_bytes).items()
    for name, wide in spec.float_shapes().items():
        yield prefix + name, Stored(wide, spec.float_bytes)


def _matrix(name: str, shape: tuple[int, int], stored: WeightFormat, float_bytes: int) -> dict[str, Stored]:
    rows, columns = shape
    if stored.bits >= 16:
        return {f"{name}.weight": Stored(shape, float_bytes)}
    groups = columns // stored.group if stored.group else 1
    found = {
        f"{name}.qweight": Stored((rows, columns * stored.bits // 8), 1),
        f"{name}.scales": Stored((rows, groups)),
    }
    if not stored.symmetric:
        found[f"{name}.qzeros"] = Stored((rows, -(-groups * stored.bits // 8)), 1)
    return found
