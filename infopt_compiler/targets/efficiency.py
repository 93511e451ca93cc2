"""What share of a data sheet serving reaches, and what it costs besides: the constants of the analytic model of clusters.

Fitted on the published tables of benchmarks/data/parallel_scaling.csv by `python -m benchmarks.parallel --fit`; how far off
they are on lengths that were not fitted is in docs/parallelization.md.
"""

from __future__ import annotations

from dataclasses import dataclass

_GRAPHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True)
class Efficiency:
    """`bandwidth`, `cache`: shares of the memory's bandwidth reached in reading weights, and keys and values; `flops`: of the
    rate of matrix products; `attention`: how many times its operations those of attention cost; `link`: share of a link's
    bandwidth; `layer_seconds`: of one layer besides; `token_seconds`: of one output token on the host (sampling, scheduling).

    `batch_sizes`: a step computes the next larger of these (captured graphs); empty: just the batch. `most_requests`: that a
    replica serves at once. `memory_share`: of what weights leave free, that keys and values may take. `one_row`: how many times
    faster weights are read for a single row (a product with a vector). `alone`: how many times its part of a shared memory's
    bandwidth the only process of a machine gets.
    """

    bandwidth: float
    cache: float
    flops: float
    attention: float
    link: float
    layer_seconds: float
    token_seconds: float
    batch_sizes: tuple[int, ...] = _GRAPHS
    most_requests: int = 2048
    memory_share: float = 0.9
    one_row: float = 1.0
    alone: float = 1.0

    def padded(self, rows: float) -> float:
        return next((float(size) for size in self.batch_sizes if size >= rows), rows)


# Llama-3.3-70B on B200, all lengths (TensorRT-LLM 0.19): devices joined by NVLink.
NVLINK = Efficiency(0.95, 0.456, 0.449, 3.92, 0.508, 3.33e-6, 7.51e-6)
# Llama-3.3-70B on RTX 6000 Pro (TensorRT-LLM 1.0): devices on PCIe; `link` from Qwen3-30B-A3B there, whose tensor ranks use it.
PCIE = Efficiency(0.95, 0.873, 0.733, 5.64, 0.95, 8.19e-6, 4.62e-5)
# Processes of one CPU machine, PyTorch in one thread each and gloo: `python -m benchmarks.parallel_gloo`.
CPU = Efficiency(
    0.329,
    0.329,
    0.563,
    1.88,
    1.0,
    1.32e-3,
    1.29e-3,
    batch_sizes=(),
    memory_share=0.8,
    one_row=2.0,
    alone=1.49,
)
