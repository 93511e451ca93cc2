"""The published scaling tables, as the planner's own types: models, devices, loads, and what was measured.

Devices and links from data sheets. NVIDIA B200 (DGX B200 data sheet: 1,440 GB and 64 TB/s of eight, 144 PFLOP/s of FP4 with
sparsity, so 9 dense on each; NVLink 5 at 1.8 TB/s both directions). RTX PRO 6000 Blackwell Server Edition data sheet: 96 GB
GDDR7, 1,597 GB/s, 4 PFLOP/s FP4 with sparsity, PCIe 5.0 x16 at 64 GB/s each direction. Queue lengths and captured batch sizes:
"Reproducing Benchmarked Results" of the same pages; the checkpoints keep keys and values in FP8.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.efficiency import NVLINK, PCIE, Efficiency
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.sharded import Load, price

FILE = Path(__file__).parent / "data" / "parallel_scaling.csv"
REQUESTS = {
    (128, 128): 30_000,
    (128, 2048): 3000,
    (128, 4096): 1500,
    (500, 2000): 3000,
    (1000, 1000): 3000,
    (1000, 2000): 1500,
    (1024, 2048): 1500,  # not on the page: that of the nearest lengths
    (2048, 128): 3000,
    (2048, 2048): 1500,
    (5000, 500): 1500,
    (20_000, 2000): 1000,
}
_FP4, _BF16 = WeightFormat(4, 64), WeightFormat(16)  # NVFP4: a byte of scale for 16 weights, 4.5 bits each
_LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
_QWEN = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "moe_intermediate_size": 768,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 151936,
}
_NVLINK_5 = Link(900e9, 0.6e-6, 6.6e-6, "NVLink")
_PCIE_5 = Link(64e9, 1.0e-6, 6.6e-6, "PCIe")


def _target(
    name: str, memory: float, bandwidth: float, flops: float, link: Link, shares: Efficiency
) -> Target:
    return Target(
        name,
        memory,
        bandwidth,
        flops,
        1.0,
        1,
        devices=8,
        runtime_bytes=3e9,
        cluster=Cluster(1, 8, link, link),
        efficiency=shares,
    )


B200 = _target("B200", 180e9, 8e12, 9e15, _NVLINK_5, NVLINK)
RTX = _target("RTX PRO 6000", 96e9, 1.597e12, 2e15, _PCIE_5, PCIE)


def _spec(config: dict[str, object]) -> ModelSpec:
    return replace(ModelSpec.from_config(config).with_format(_FP4, _BF16, _BF16), float_bytes=2)


MODELS = {"Llama-3.3-70B-Instruct": _spec(_LLAMA), "Qwen3-30B-A3B": _spec(_QWEN)}


@dataclass(frozen=True)
class Published:
    """One row of the tables."""

    table: str
    spec: ModelSpec
    target: Target
    mesh: Mesh
    lengths: tuple[int, int]
    measured: float

    def predict(self, shares: Efficiency, *, queue: bool = True) -> float:
        """Tokens per second; `queue`: of the stated number of requests, else without end. 0 where nothing fits."""
        prompt, generate = self.lengths
        requests = REQUESTS[self.lengths] if queue else None
        load = Load(prompt, generate, None, requests, joining=True, kv_bytes=1)
        found = price(self.spec, replace(self.target, efficiency=shares), self.mesh, load)
        return found.throughput if found is not None else 0.0


def tables() -> dict[str, list[Published]]:
    """Rows by table."""
    lines = [line for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")]
    found: dict[str, list[Published]] = {}
    for row in csv.DictReader(lines):
        target = B200 if row["gpu"].startswith("B200") else RTX
        table = f"{row['model'].removesuffix('-Instruct')} on {target.name}"
        mesh = Mesh(tensor=int(row["tensor"]), pipeline=int(row["pipeline"]))
        lengths = int(row["input_tokens"]), int(row["output_tokens"])
        found.setdefault(table, []).append(
            Published(
                table,
                MODELS[row["model"]],
                target,
                mesh,
                lengths,
                float(row["output_tokens_per_second"]),
            )
        )
    return found
