"""Tiny decoders with a tokenizer, and the pass's work over them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infopt_compiler.artifacts import HFModel
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.run.execute import shard_model
from infopt_compiler.passes.shard.run.write import write_shards
from infopt_compiler.targets.model import Target
from tests.passes.export.models import write_llama, write_quantized, write_tokenizer

HERE = Target("here", 24e9, 33e9, 130e9, 0.1, 2, here=True)


@dataclass
class Context:
    staging: Path
    scratch: Path
    threads: int = 1
    seed: int = 0
    target: Target = HERE

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Not watched."""

    def log(self, message: str) -> None:
        """Not watched."""


def sharded(source: Path, place: Path, mesh: Mesh, **settings: Any) -> tuple[Path, dict[str, Any]]:
    """The folder of shards, proven equal, and the facts of the pass."""
    context = Context(place / "out", place / "scratch")
    context.scratch.mkdir(parents=True)
    return context.staging, shard_model(context, HFModel(source, ""), mesh, **settings)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers, 4 heads, 2 KV heads, tied."""
    return write_llama(tmp_path_factory.mktemp("llama") / "model")


@pytest.fixture(scope="session")
def quantized(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 bits in groups of 32 with zero points, an 8-bit head that is the embedding's table, too."""
    return write_quantized(llama, tmp_path_factory.mktemp("quantized") / "model", symmetric=False)


@pytest.fixture(scope="session")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen3 with four experts, of which a token takes two, and norms of its heads."""
    special = {"moe_intermediate_size": 32, "num_experts": 4, "head_dim": 16, "norm_topk_prob": True}
    return _write_mixture(tmp_path_factory.mktemp("mixture") / "model", "qwen3_moe", special)


@pytest.fixture(scope="session")
def mixtral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four experts of other names in the files."""
    special = {"num_local_experts": 4, "sliding_window": None}
    return _write_mixture(tmp_path_factory.mktemp("mixtral") / "model", "mixtral", special)


def _write_mixture(folder: Path, kind: str, special: dict[str, Any]) -> Path:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder.mkdir()
    write_tokenizer(folder)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_experts_per_tok=2,
        initializer_range=0.2,
        tie_word_embeddings=False,
        **special,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def shards(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The tiny Llama in two stages of two ranks each."""
    return sharded(llama, tmp_path_factory.mktemp("shards"), Mesh(tensor=2, pipeline=2))


@pytest.fixture(scope="session")
def pair(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama in two stages: as few processes as ranks can be watched with."""
    folder = tmp_path_factory.mktemp("pair") / "shards"
    folder.mkdir()
    write_shards(llama, folder, Mesh(pipeline=2), "float32", lambda *told: None)
    return folder


@pytest.fixture
def copied(pair: Path, tmp_path: Path) -> Path:
    """The two stages, to be damaged."""
    return Path(shutil.copytree(pair, tmp_path / "copy"))
