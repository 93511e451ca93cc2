"""Which key of config.json holds what.

Where optimum's `NormalizedConfigManager` knows a model type its names count, else the family's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache


@dataclass(frozen=True)
class Keys:
    """Of a configuration. Where there are several, the first that is there counts."""

    layers: str = "num_hidden_layers"
    hidden: str = "hidden_size"
    heads: str = "num_attention_heads"
    kv_heads: str = "num_key_value_heads"
    head_dim: str = "head_dim"
    intermediate: str = "intermediate_size"
    vocabulary: str = "vocab_size"
    context: str = "max_position_embeddings"
    segments: str = "type_vocab_size"
    tied: str = "tie_word_embeddings"
    attention_bias: str = "attention_bias"
    mlp_bias: str = "mlp_bias"
    epsilon: str = "rms_norm_eps"
    activation: str = "hidden_act"
    experts: tuple[str, ...] = ("num_local_experts", "num_experts")
    experts_per_token: str = "num_experts_per_tok"
    expert_width: str = "moe_intermediate_size"
    normed_experts: str = "norm_topk_prob"
    each_layer: tuple[str, ...] = ("layer_types", "no_rope_layers")  # lists with an entry for every layer


@dataclass(frozen=True)
class Scales:
    """Keys of factors that a family multiplies by where others do not; empty: it does not either. A key that is missing in
    the configuration is a factor of 1."""

    embedding: str = ""  # of embedded words
    attention: str = ""  # of scores, in place of 1 / sqrt(head size)
    residual: str = ""  # of what attention and MLP add to the stream
    logits: str = ""  # what logits are divided by


@dataclass(frozen=True)
class Window:
    """Of the keys that a query sees. `key`: its size; `switch`: a key that must be true for it; `since`: the key of the first
    layer that slides; `unrotated`: only layers without rotary positions slide. Where there is a list of `layer_types` it decides.
    """

    key: str = ""
    switch: str = ""
    since: str = ""
    unrotated: bool = False


@cache
def config_keys(own: Keys, model_type: str) -> Keys:
    """`own` with what optimum knows of that model type."""
    from optimum.utils.normalized_config import NormalizedConfigManager, NormalizedTextConfig

    try:
        named = NormalizedConfigManager.get_normalized_config_class(model_type)(None)
    except KeyError:
        return own
    if not isinstance(named, NormalizedTextConfig):
        return own
    return replace(
        own,
        layers=named.NUM_LAYERS,
        hidden=named.HIDDEN_SIZE,
        heads=named.NUM_ATTENTION_HEADS,
        vocabulary=named.VOCAB_SIZE,
        kv_heads=getattr(type(named), "NUM_KEY_VALUE_HEADS", own.kv_heads),
    )
