"""The numbers of a forward pass that shapes do not say: norms, rotary positions, windows, factors. Read from config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infopt_compiler.architectures.family import Family
from infopt_compiler.architectures.keys import Window, config_keys


@dataclass(frozen=True)
class Rope:
    """Rotary embedding (arXiv 2104.09864): `theta`, how long contexts stretch it, and the `share` of a head that rotates."""

    theta: float
    kind: str = "default"
    factor: float = 1.0
    low: float = 1.0
    high: float = 4.0
    original: int = 0
    share: float = 1.0


@dataclass(frozen=True)
class Numbers:
    """`rotated[i]`: layer i rotates queries and keys; `windows[i]`: keys that a query of layer i sees, 0 for all.

    `attention_scale` None: 1 / sqrt(head size). `logits_divisor`: what logits are divided by.
    """

    epsilon: float
    activation: str
    rope: Rope | None
    rotated: tuple[bool, ...]
    windows: tuple[int, ...]
    embedding_scale: float = 1.0
    attention_scale: float | None = None
    residual_scale: float = 1.0
    logits_divisor: float = 1.0
    experts_per_token: int = 0
    normed_experts: bool = False


def read_numbers(family: Family, config: Mapping[str, Any]) -> Numbers:
    """KeyError where the number of layers is missing. `config`: of config.json, or a configuration's attributes."""
    keys, scales = config_keys(family.keys, family.name), family.scales
    layers = int(config[keys.layers])
    rotated = tuple(bool(one) for one in config.get("no_rope_layers") or [1] * layers)
    return Numbers(
        epsilon=float(config.get(keys.epsilon, family.epsilon)),
        activation=config.get(keys.activation, family.activation),
        rope=_rope(family, config),
        rotated=rotated,
        windows=_windows(family.window, config, rotated),
        embedding_scale=_factor(config, scales.embedding),
        attention_scale=_factor(config, scales.attention) if scales.attention else None,
        residual_scale=_factor(config, scales.residual),
        logits_divisor=_factor(config, scales.logits),
        experts_per_token=config.get(keys.experts_per_token) or 0,
        normed_experts=bool(config.get(keys.normed_experts, family.normed_experts)),
    )


def _factor(config: Mapping[str, Any], key: str) -> float:
    found = config.get(key) if key else None
    return 1.0 if found is None else float(found)


def _rope(family: Family, config: Mapping[str, Any]) -> Rope | None:
    """From `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling`."""
    if not family.rope_theta:
        return None
    told = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    return Rope(
        float(told.get("rope_theta", config.get("rope_theta", family.rope_theta))),
        told.get("rope_type", told.get("type", "default")),
        float(told.get("factor", 1.0)),
        float(told.get("low_freq_factor", 1.0)),
        float(told.get("high_freq_factor", 4.0)),
        int(told.get("original_max_position_embeddings") or config.get("max_position_embeddings", 0)),
        float(told.get("partial_rotary_factor", config.get("partial_rotary_factor") or 1.0)),
    )


def _windows(window: Window, config: Mapping[str, Any], rotated: tuple[bool, ...]) -> tuple[int, ...]:
    size = int(config.get(window.key) or 0) if window.key else 0
    if not size or (window.switch and not config.get(window.switch)):
        return (0,) * len(rotated)
    if kinds := config.get("layer_types"):
        return tuple(size if kind == "sliding_attention" else 0 for kind in kinds)
    since = int(config.get(window.since) or 0) if window.since else 0
    slides = [index >= since and not (window.unrotated and turned) for index, turned in enumerate(rotated)]
    return tuple(size if here else 0 for here in slides)
