"""What quantizing takes, from shapes alone: arithmetic over the machine's rate, and bytes that are alive at once.

The arithmetic counts multiply-adds twice. The rates below one were measured on two AVX2 cores: products
reach the machine's matrix rate, the searches and column sweeps are bound by memory instead.
"""

from __future__ import annotations

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Estimate

TOKENS, WINDOW = 64 * 512, 512
FLOPS = 125e9  # of two cores, where the machine is not known
IMPORT_SECONDS, IMPORT_BYTES = 5.0, 600e6  # torch and transformers
SYMMETRY = 0.583  # share of a Hessian's blocks that is computed
SEARCH_SECONDS = 45e-9  # per weight: the candidates of a scale search
SWEEP_SECONDS = 50e-9  # per weight: one pass over all columns: GPTQ, descent, refit
RTN_SECONDS = 45e-9  # per weight: read, search, pack, write
TABLE_SECONDS = 80e-9
ENCODER_SECONDS, ENCODER_BYTES = 0.7, 120e6  # numpy and safetensors


def estimate_cost(
    source: ModelSpec,
    result: ModelSpec,
    *,
    gptq: bool,
    refine: bool,
    reference_windows: int,
    flops: float | None,
) -> Estimate:
    """Wall seconds, peak RSS and bytes on disk of one run."""
    weights = source.linear_parameters
    if not source.family.generates:
        return _encoder_cost(source, result)
    seconds = IMPORT_SECONDS + RTN_SECONDS * weights + TABLE_SECONDS * source.head_parameters
    peak = IMPORT_BYTES + max(_layer_bytes(source), _table_bytes(source))
    if gptq:
        paired = min(TOKENS, reference_windows * WINDOW)
        seconds += _products(source, paired) / (flops or FLOPS)
        solved = weights + (source.head_parameters if result.head.bits < 8 else 0)
        seconds += solved * (SEARCH_SECONDS + SWEEP_SECONDS * (3 if refine else 1))
        peak = IMPORT_BYTES + max(
            _layer_bytes(source) + _activation_bytes(source, paired), _table_bytes(source)
        )
    return Estimate(seconds, peak, disk_bytes(source, result))


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


def _products(model: ModelSpec, paired: int) -> float:
    """Operations of the forwards (all tokens once, paired ones twice) and of the second moments."""
    shapes = list(model.linear_shapes().values())
    forward = 2 * sum(rows * columns for rows, columns in shapes)
    forward += 2 * WINDOW * model.heads * model.head_dim * 2
    inner = model.heads * model.head_dim
    moments = 2 * sum(width * width for width in (model.hidden, inner, model.hidden, model.intermediate))
    shifts = 4 * model.hidden**2 + 4 * model.hidden * (inner + model.intermediate)
    return model.layers * (TOKENS * (forward + SYMMETRY * moments) + paired * (forward + shifts))


def _activation_bytes(model: ModelSpec, paired: int) -> float:
    return 4 * ((TOKENS + paired) * model.hidden + TOKENS * max(model.intermediate, model.hidden))


def _layer_bytes(model: ModelSpec) -> float:
    """Weights of a layer, read and quantized, its Hessians and what solving holds besides."""
    weights = sum(rows * columns for rows, columns in model.linear_shapes().values())
    return 4 * (3 * weights + 6 * max(model.intermediate, model.hidden) ** 2)


def _table_bytes(model: ModelSpec) -> float:
    return 4 * 1.6 * model.head_parameters
