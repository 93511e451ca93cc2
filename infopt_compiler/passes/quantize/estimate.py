"""What quantizing takes, from shapes alone: arithmetic over the machine's rate, and bytes that are alive at once.

The arithmetic counts multiply-adds twice. The rates below one were measured on two AVX2 cores: products
reach the machine's matrix rate, the searches and column sweeps are bound by memory instead.
"""

from __future__ import annotations

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Estimate
from infopt_compiler.passes.quantize.method import Method

IMPORT_SECONDS, IMPORT_BYTES = 5.0, 600e6  # torch and transformers
RTN_SECONDS = 45e-9  # per weight: read, search, pack, write
TABLE_SECONDS = 80e-9
ENCODER_SECONDS, ENCODER_BYTES = 0.7, 120e6  # numpy and safetensors


def estimate_cost(source: ModelSpec, result: ModelSpec, method: Method, flops: float | None) -> Estimate:
    """Wall seconds, peak RSS and bytes on disk of one run."""
    if not source.family.generates:
        return _encoder_cost(source, result)
    extra = method.cost(source, result, flops)
    seconds = IMPORT_SECONDS + RTN_SECONDS * source.linear_parameters + TABLE_SECONDS * source.head_parameters
    peak = IMPORT_BYTES + max(_layer_bytes(source) + extra.layer_bytes, _table_bytes(source))
    return Estimate(seconds + extra.seconds, peak, disk_bytes(source, result))


def _encoder_cost(source: ModelSpec, result: ModelSpec) -> Estimate:
    """Rounding without torch, all of it in memory; its tokenizer lies beside it."""
    seconds = ENCODER_SECONDS + RTN_SECONDS * source.parameters
    return Estimate(seconds, ENCODER_BYTES + 3 * source.weight_bytes, result.weight_bytes + 0.7e6)


def disk_bytes(source: ModelSpec, result: ModelSpec) -> float:
    """Integers and scales, and the floats of the embedding, which the builder reads; without the tokenizer's files."""
    norms_and_biases = 4 * (source.parameters - source.linear_parameters) - 4 * source.head_parameters * (
        1 if source.tied else 2
    )
    floats = 4 * source.head_parameters
    shared = result.tied and result.head == result.embedding
    head = 0 if shared and result.head.bits >= 16 else result.head_bytes
    embedding = 0 if shared or result.embedding.bits >= 16 else result.embedding_bytes
    return result.linear_bytes + norms_and_biases + floats + head + embedding


def _layer_bytes(model: ModelSpec) -> float:
    """Weights of a layer, read and quantized, its Hessians and what solving holds besides."""
    weights = sum(rows * columns for rows, columns in model.linear_shapes().values())
    return 4 * (3 * weights + 6 * max(model.intermediate, model.hidden) ** 2)


def _table_bytes(model: ModelSpec) -> float:
    return 4 * 1.6 * model.head_parameters
