"""Llama (arXiv 2302.13971; 2407.21783): the shape that most decoders share. SmolLM and SmolLM2 are of this type, too."""

from infopt_compiler.architectures.family import Family, Names, Purpose
from infopt_compiler.architectures.parts import Bias, Block, Linear, Norm, Place, Role

ATTENTION = (
    Linear("self_attn.q_proj", (Role.query,), Bias.attention),
    Linear("self_attn.k_proj", (Role.key,), Bias.attention),
    Linear("self_attn.v_proj", (Role.value,), Bias.attention),
    Linear("self_attn.o_proj", (Role.attention_out,), Bias.attention),
)
MLP = (
    Linear("mlp.gate_proj", (Role.gate,), Bias.mlp),
    Linear("mlp.up_proj", (Role.up,), Bias.mlp),
    Linear("mlp.down_proj", (Role.down,), Bias.mlp),
)
NORMS = (
    Norm("input_layernorm", Place.attention_in),
    Norm("post_attention_layernorm", Place.mlp_in),
)
BLOCK = Block(ATTENTION, MLP, NORMS)
NAMES = Names(
    embedding="model.embed_tokens",
    layers="model.layers",
    last_norm="model.norm",
    head="lm_head",
    rotary="model.rotary_emb",
)

FAMILY = Family("llama", ("LlamaForCausalLM",), Purpose.generate, NAMES, BLOCK)
