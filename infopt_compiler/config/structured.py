"""Structured configs: what a key of the configuration may hold. Plain dataclasses; OmegaConf reads them.

Quantities are `Annotated[str, Dimension]`: canonical text, decoded by `values.decode_quantity`.
Only plain, mutable classes without a base: a frozen one would make the configuration read-only, a generic one
crashes `OmegaConf.structured`; `node_schema` makes such a class from any pass.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

from infopt_compiler.passes.base import Pass
from infopt_compiler.scenario import ScenarioMode
from infopt_compiler.units import Dimension


def internal(default: Any, doc: str) -> Any:
    """A field that the command line sets through a flag or by itself, never through an override."""
    return field(default=default, metadata={"doc": doc, "internal": True})


def documented(default: Any, doc: str, *, minimum: float = 0.0, dimension: Dimension | None = None) -> Any:
    """`minimum` in base units: predictions divide by most of these. A number of `dimension` is held in its base unit."""
    return field(default=default, metadata={"doc": doc, "minimum": minimum, "dimension": dimension})


@dataclass
class TargetConfig:
    """A machine: its name in the catalog, and what is set apart from the catalog (or the probe)."""

    name: str = internal("cpu", "an entry of the catalog of machines")
    memory: Annotated[str | None, Dimension.bytes] = documented(None, "memory of one device", minimum=1)
    bandwidth: float | None = documented(
        None, "bytes per second read from memory", minimum=1, dimension=Dimension.byte_rate
    )
    flops: float | None = documented(
        None, "operations per second of matrix products", minimum=1, dimension=Dimension.operation_rate
    )
    price: Annotated[str | None, Dimension.price] = documented(None, "price of the machine")
    cores: int | None = documented(None, "processor cores", minimum=1)
    devices: int | None = documented(None, "accelerators, or 1", minimum=1)


@dataclass
class EngineConfig:
    """How a build runs; the flags of the command line come here, since module globals do not reach a Ray worker."""

    name: str = internal("local", "the engine: passes as processes of this machine")
    cache: str = documented("", "folder of the store; empty: $INFOPT_CACHE or ~/.cache/infopt-compiler")
    seed: int = documented(0, "seed of everything random")
    threads: int = documented(0, "threads of a pass; 0: all cores")
    hang: Annotated[str, Dimension.time] = documented(
        "30 min", "a pass that reports nothing for so long is stopped"
    )
    memory: Annotated[str | None, Dimension.bytes] = documented(None, "most memory that a pass may hold")
    predict_only: bool = internal(False, "judge predictions instead of measuring (--predict-only)")
    locked: bool = internal(False, "build exactly what the lock file says (--locked)")
    force: bool = internal(False, "build although arithmetic rules a bound out (--force)")
    remeasure: bool = internal(False, "measure again what was measured before (--remeasure)")
    rebuild: list[str] = field(default_factory=list, metadata={"internal": True})  # bindings (--rebuild)
    since: float = internal(0.0, "when the command began: later entries need no rebuilding")
    color: bool = internal(True, "colours on the terminal (--no-color)")
    traceback: bool = internal(False, "show tracebacks (--traceback)")
    verbosity: int = internal(0, "-1 quiet, 0 usual, 1 and more: details (--quiet, --verbose)")


@dataclass
class ModelConfig:
    source: str = dataclasses.MISSING  # type: ignore[assignment]


@dataclass
class DataConfig:
    source: str = dataclasses.MISSING  # type: ignore[assignment]
    start: Annotated[str, Dimension.fraction] = "0%"
    stop: Annotated[str, Dimension.fraction] = "100%"
    window: Annotated[str, Dimension.tokens] = "512 tokens"
    sample: int = 0
    seed: int = 0
    field: str = "text"


@dataclass
class ScenarioConfig:
    prompt: Annotated[str, Dimension.tokens] = "128 tokens"
    generate: Annotated[str, Dimension.tokens] = "64 tokens"
    batch: int = 1
    context: Annotated[str, Dimension.tokens] = "0 tokens"
    utilization: float = 1.0
    mode: ScenarioMode = ScenarioMode.single
    rate: Annotated[str, Dimension.request_rate] = "0 req/s"
    concurrency: int = 1
    prompts: str | None = None


def pass_fields(pass_class: type[Pass]) -> dict[str, dataclasses.Field[Any]]:
    return {f.name: f for f in dataclasses.fields(pass_class)}


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Types of a dataclass's fields, resolved and without annotations."""
    return typing.get_type_hints(cls)


def is_variadic(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def default_of(spec: dataclasses.Field[Any]) -> Any:
    """The default of a field, `"???"` (OmegaConf's word for it) where there is none."""
    if spec.default is not dataclasses.MISSING:
        return spec.default
    if spec.default_factory is not dataclasses.MISSING:
        return spec.default_factory()
    return "???"


@cache
def node_schema(pass_class: type[Pass]) -> type:
    """A plain twin of a pass for OmegaConf: `pass`, one key per input (names of bindings), then the parameters."""
    names: dict[str, tuple[Any, Any]] = {"pass": (str, pass_class.name)}
    for argument, kind in pass_class.inputs.items():
        names[argument] = (list[str], []) if is_variadic(kind) else (str | None, None)
    for name, spec in pass_fields(pass_class).items():
        kind, default = field_types(pass_class)[name], default_of(spec)
        if kind is str and spec.metadata.get("choices"):
            kind = _enumeration(name, spec.metadata["choices"])
            default = kind[default] if default != "???" else default
        names[name] = (_supported(kind), default)
    return _plain(pass_class.__name__, names)


def _enumeration(name: str, words: tuple[str, ...]) -> Any:
    """Words that are not known before a registry is asked, as OmegaConf checks them."""
    make: Any = enum.Enum
    return make(name, {word: word for word in words})


def _plain(name: str, members: dict[str, tuple[Any, Any]]) -> type:
    """A dataclass without generated methods: `pass` as a field would be a syntax error in an `__init__`."""
    namespace: dict[str, Any] = {"__annotations__": {key: kind for key, (kind, _) in members.items()}}
    for key, (_, default) in members.items():
        namespace[key] = _field(default)
    return dataclass(init=False, repr=False, eq=False)(type(name, (), namespace))


def _field(default: Any) -> Any:
    if isinstance(default, list):
        return field(default_factory=lambda: list(default))
    return field(default=default)


def _supported(kind: Any) -> Any:
    """The nearest type that OmegaConf knows."""
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        members = {type(value) for value in typing.get_args(kind)}
        return members.pop() if len(members) == 1 else Any
    if origin in (list, tuple):
        return list[_supported(typing.get_args(kind)[0])]  # type: ignore[misc]
    if origin in (typing.Union, types.UnionType):
        return kind if all(_is_plain(arg) for arg in typing.get_args(kind)) else Any
    return kind if _is_plain(kind) else Any


def _is_plain(kind: Any) -> bool:
    plain = (bool, int, float, str, type(None))
    return kind in plain or (isinstance(kind, type) and issubclass(kind, enum.Enum))
