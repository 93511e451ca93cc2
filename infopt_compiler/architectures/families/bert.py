"""BERT (arXiv 1810.04805): an encoder whose norms stand behind the sums; positions and segments are looked up."""

from infopt_compiler.architectures.family import Ability, Family, Names, Purpose, Refusal
from infopt_compiler.architectures.keys import Keys
from infopt_compiler.architectures.parts import Bias, Block, Linear, Norm, NormKind, Place, Role

ATTENTION = (
    Linear("attention.self.query", (Role.query,), Bias.always),
    Linear("attention.self.key", (Role.key,), Bias.always),
    Linear("attention.self.value", (Role.value,), Bias.always),
    Linear("attention.output.dense", (Role.attention_out,), Bias.always),
)
MLP = (
    Linear("intermediate.dense", (Role.up,), Bias.always),
    Linear("output.dense", (Role.down,), Bias.always),
)
NORMS = (
    Norm("attention.output.LayerNorm", Place.attention_added, NormKind.layer),
    Norm("output.LayerNorm", Place.mlp_added, NormKind.layer),
)
NAMES = Names(
    embedding="embeddings.word_embeddings",
    layers="encoder.layer",
    positions="embeddings.position_embeddings",
    segments="embeddings.token_type_embeddings",
    embedded_norm="embeddings.LayerNorm",
    optional_prefix="bert.",
    unread=("pooler",),  # of the next-sentence head
)

FAMILY = Family(
    "bert",
    ("BertModel",),
    Purpose.embed,
    NAMES,
    Block(ATTENTION, MLP, NORMS),
    keys=Keys(epsilon="layer_norm_eps", activation="hidden_act"),
    norms=NormKind.layer,
    epsilon=1e-12,
    activation="gelu",
    rope_theta=0,
    refuses=(Refusal(Ability.shard, "it generates nothing"),),
)
