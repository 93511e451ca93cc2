"""What a composed configuration says of machine, measuring and engine, as the types that later packages take."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from infopt_compiler.config.values import decode_quantity
from infopt_compiler.units import Dimension

if TYPE_CHECKING:
    from infopt_compiler.measure.settings import MeasureSettings
    from infopt_compiler.targets.model import Target

_TARGET_FIELDS = {
    "memory": ("memory_bytes", Dimension.bytes),
    "bandwidth": ("bandwidth", None),
    "flops": ("flops", None),
    "price": ("usd_per_hour", Dimension.price),
    "cores": ("cores", None),
    "devices": ("devices", None),
}


def apply_target(config: Mapping[str, Any], target: Target) -> Target:
    """`target` (from the catalog or the probe) with what `config.target` sets apart from it."""
    changes: dict[str, Any] = {}
    for key, (field, dimension) in _TARGET_FIELDS.items():
        value = config["target"][key]
        if value is not None:
            changes[field] = decode_quantity(value, dimension).base if dimension else value
    return replace(target, **changes)


def measure_settings(config: Mapping[str, Any]) -> MeasureSettings:
    """The settings that `config.measure` holds."""
    from infopt_compiler.measure.settings import MeasureSettings

    values = config["measure"]
    return MeasureSettings(**{f.name: values[f.name] for f in dataclasses.fields(MeasureSettings)})
