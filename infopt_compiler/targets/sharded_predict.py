"""Every metric of a sharded decoder that the analytic model of clusters gives, by bound name."""

from __future__ import annotations

from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.predicted import Predicted
from infopt_compiler.targets.sharded import Load, Price, price
from infopt_compiler.targets.sharded_memory import stored_bytes

_FACTOR = 1.5  # right within this factor either way: docs/parallelization.md has the errors
_MEMORY = 1.15
_AGGREGATES = ("mean", "p50", "p90", "p95", "p99", "max")


def load_of(scenario: Any) -> Load:
    """What a `Scenario` asks of a mesh. Batches start and end together, requests of a server join while others decode;
    `offline` takes as many as fit. Keys and values of `context` tokens are kept, so prompts count as that much longer."""
    generate = max(1, scenario.generate)
    prompt = max(scenario.prompt, scenario.max_length - generate)
    mode = getattr(scenario.mode, "value", scenario.mode)
    if mode == "offline":
        return Load(prompt, generate, None, joining=True)
    if mode == "server":
        return Load(prompt, generate, scenario.concurrency, joining=True)
    return Load(prompt, generate, scenario.batch)


def predict_sharded(spec: ModelSpec, target: Target, scenario: Any) -> dict[str, Predicted]:
    """Empty where not one request fits: `plan` says so."""
    mesh = spec.mesh or Mesh()
    load = load_of(scenario)
    found = price(spec, target, mesh, load)
    if found is None:
        return {}
    text = f"{mesh}, {found.batch * mesh.data} requests at once"
    times = {"ttft": found.ttft, "prefill": found.ttft, "tpot": found.tpot, "itl": found.tpot}
    times |= {"latency": found.latency, "decode": 1 / found.tpot}
    stored = float(stored_bytes(spec, mesh))
    rows = {f"{name}.{a}": _spread(value, text) for name, value in times.items() for a in _AGGREGATES}
    total = found.throughput * load.length / load.generate
    usd = found.usd_per_token * 1e6 / scenario.utilization
    return {
        **rows,
        "throughput": _spread(found.throughput, text),
        "throughput.total": _spread(total, "prompt tokens counted too"),
        "cost": _spread(usd, f"{target.usd_per_hour:g} USD/h / {found.throughput:.4g} tok/s"),
        "size": Predicted(
            stored + 4e6, stored, stored + 16e6, f"{stored / 1e6:.4g} MB in shards + tokenizer"
        ),
        "bits_per_weight": _exact(stored * 8 / spec.parameters, "bytes of the shards x 8 / parameters"),
        **_memory(found),
    }


def _memory(found: Price) -> dict[str, Predicted]:
    """Of the fullest device."""
    parts = found.memory
    text = (
        f"{parts.weights / 1e9:.3g} GB weights + {parts.cache / 1e9:.3g} GB KV + {parts.activations / 1e9:.3g} GB activations "
        f"+ {parts.runtime / 1e9:.3g} GB runtime on the fullest device"
    )
    row = Predicted(parts.total, parts.total / _MEMORY, parts.total * _MEMORY, text)
    return {"memory.peak": row, "memory.steady": row}


def _exact(value: float, arithmetic: str) -> Predicted:
    return Predicted(value, value * 0.99, value * 1.05, arithmetic)


def _spread(value: float, arithmetic: str) -> Predicted:
    return Predicted(value, value / _FACTOR, value * _FACTOR, arithmetic)
