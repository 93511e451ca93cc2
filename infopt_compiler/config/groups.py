"""The groups `target`, `measure`, `engine`: their options, and which of their fields an override may set. No OmegaConf here."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from infopt_compiler.config.structured import EngineConfig, TargetConfig, field_types
from infopt_compiler.units import UNITS, Dimension, Quantity

if TYPE_CHECKING:
    from infopt_compiler.targets.model import Target

GROUPS = ("target", "measure", "engine")


@dataclass(frozen=True)
class GroupField:
    """A field that `group.name=value` sets; `kind` is bool, int, float or str, `dimension` that of a quantity.

    A quantity is held as its text (`kind` str), or as a number in the base unit, which may then be given without one.
    `minimum` and `maximum` are in base units.
    """

    name: str
    kind: type
    optional: bool
    dimension: Dimension | None
    doc: str
    minimum: float = 0.0
    maximum: float | None = None


@cache
def options(group: str) -> dict[str, Any]:
    """Option name → its structured config (an instance)."""
    return {"target": _targets, "measure": _measures, "engine": _engines}[group]()


@cache
def group_fields(group: str) -> dict[str, GroupField]:
    """The fields that an override may set."""
    schema = type(next(iter(options(group).values())))
    hints = typing.get_type_hints(schema, include_extras=True)
    public = [f for f in dataclasses.fields(schema) if not f.metadata.get("internal")]
    return {f.name: _group_field(f, hints[f.name]) for f in public}


def _group_field(spec: dataclasses.Field[Any], hint: Any) -> GroupField:
    extras = [extra for extra in typing.get_args(hint)[1:] if isinstance(extra, Dimension)]
    plain = typing.get_args(hint)[0] if extras else hint
    kinds = [kind for kind in typing.get_args(plain) or (plain,) if kind is not type(None)]
    optional = type(None) in typing.get_args(plain)
    return GroupField(
        spec.name,
        kinds[0],
        optional,
        extras[0] if extras else spec.metadata.get("dimension"),
        spec.metadata.get("doc", ""),
        spec.metadata.get("minimum", 0.0),
        spec.metadata.get("maximum"),
    )


def _targets() -> dict[str, Any]:
    from infopt_compiler.targets.catalog import TARGETS

    return {name: TargetConfig(name=name) if t.here else _described(t) for name, t in TARGETS.items()}


def _described(target: Target) -> TargetConfig:
    return TargetConfig(
        name=target.name,
        memory=str(Quantity(target.memory_bytes, UNITS["B"]).to("GB")),
        bandwidth=target.bandwidth,
        flops=target.flops,
        price=str(Quantity(target.usd_per_hour, UNITS["USD/h"])),
        cores=target.cores,
        devices=target.devices,
    )


def _engines() -> dict[str, Any]:
    return {"local": EngineConfig()}


def _measures() -> dict[str, Any]:
    from infopt_compiler.measure.settings import PRESETS

    return {name: _measure_schema()(**{**dataclasses.asdict(p), "name": name}) for name, p in PRESETS.items()}


@cache
def _measure_schema() -> Any:
    """A mutable twin of `MeasureSettings` with the preset's name."""
    from infopt_compiler.measure.settings import MeasureSettings

    hints = field_types(MeasureSettings)
    names = [
        (f.name, hints[f.name], dataclasses.field(default=f.default, metadata=dict(f.metadata)))
        for f in dataclasses.fields(MeasureSettings)
        if f.name != "name"
    ]
    name = ("name", str, dataclasses.field(default="standard", metadata={"internal": True}))
    return dataclasses.make_dataclass("MeasureConfig", [name, *names])
