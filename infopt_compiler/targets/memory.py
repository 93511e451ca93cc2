"""Memory of the serving process by arithmetic: weights, KV cache, activations, logits, and the runtime itself."""

from __future__ import annotations

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.targets.model import Target

KV_BYTES = 4  # fp32 keys and values on CPU
_FLOAT = 4
_WITHOUT_GENAI = 0.8  # of the runtime's bytes: plain onnxruntime serves encoders


def memory_bytes(
    spec: ModelSpec, target: Target, prompt: int, max_length: int, batch: int
) -> tuple[float, float, str]:
    """(resident after warm-up, highest resident, the arithmetic) in bytes."""
    runtime = target.runtime_bytes * (1 if spec.family.generates else _WITHOUT_GENAI)
    weights, head = float(spec.weight_bytes), float(_FLOAT * spec.head_parameters)
    cache = float(spec.kv_bytes(max_length, KV_BYTES) * batch)
    active = _activations(spec, prompt) * batch
    transposed = head if _transposes(spec) else 0.0
    steady = weights + transposed + cache + active + runtime
    passing = _passing(spec, prompt, batch)
    loading = weights + 2 * transposed + runtime
    parts = {
        "weights": weights + transposed,
        "KV": cache,
        "activations": active,
        "runtime": runtime,
    }
    text = " + ".join(f"{value / 1e6:.4g} MB {name}" for name, value in parts.items() if value)
    if passing:
        text += f", for a moment {passing / 1e6:.4g} MB in passing"
    return steady, max(loading, steady + passing), text


def _transposes(spec: ModelSpec) -> bool:
    """A float head that shares the embedding's table: onnxruntime keeps a transposed copy of it (loading: two)."""
    return spec.tied and spec.family.generates and spec.head.bits >= 16


def _passing(spec: ModelSpec, prompt: int, batch: int) -> float:
    """Logits of every position (of a tuned artifact, of the last), and a head of 8 bits as floats: the kernel of 8 bits
    at accuracy level 0 unpacks the whole matrix. An encoder has none."""
    if not spec.family.generates:
        return 0.0
    logits = _FLOAT * spec.vocabulary * batch * (1 if spec.served.pruned else prompt)
    return float(logits + (_FLOAT * spec.head_parameters if spec.head.bits == 8 else 0))


def _activations(spec: ModelSpec, tokens: int) -> float:
    """Scores of all heads, the residual stream and the widest product; of an encoder everything twice, as its arena keeps
    what one node leaves and the next one asks for."""
    if not spec.family.generates:
        return float(_FLOAT * tokens * (2 * spec.heads * tokens + 6 * spec.hidden + 4 * spec.intermediate))
    return float(_FLOAT * tokens * (spec.heads * tokens + spec.hidden + spec.intermediate))
