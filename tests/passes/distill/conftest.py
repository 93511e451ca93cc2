"""A tiny teacher that has learnt a little, students of it, and text in a few windows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from infopt_compiler.artifacts import DataSpec, Document, HFModel, TextData
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.artifacts.text import write_text_data
from infopt_compiler.passes.distill import Distill
from infopt_compiler.passes.distill.parameters import Precision
from infopt_compiler.targets.model import Target
from tests.measure.models import corpus, write_llama

HERE = Target("here", 24e9, 33e9, 130e9, 0.1, 2, here=True)


@dataclass
class Context:
    """A run's context that remembers what it was told."""

    staging: Path
    scratch: Path
    threads: int = 1
    seed: int = 0
    target: Target = HERE
    told: list[str] = field(default_factory=list)

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.told.append(message)

    def log(self, message: str) -> None:
        self.told.append(message)


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    for name in ("staging", "scratch"):
        (tmp_path / name).mkdir()
    return Context(tmp_path / "staging", tmp_path / "scratch")


def handle(folder: Path) -> HFModel:
    return HFModel(folder, digest_folder(folder))


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> HFModel:
    """Four layers, trained for some seconds on a little text, so that there is something to keep."""
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    folder = write_llama(tmp_path_factory.mktemp("distill") / "teacher", layers=4, hidden=32)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(0)
    ids = torch.tensor(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(corpus()[:30_000]).ids)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        starts = torch.randint(0, len(ids) - 64, (8,))
        batch = torch.stack([ids[s : s + 64] for s in starts.tolist()])
        loss = model(batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return handle(folder)


def overflowing(teacher: HFModel, folder: Path) -> HFModel:
    """A student like its teacher, whose logits are beyond what float32 holds."""
    shutil.copytree(teacher.path, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] *= 1e38
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return handle(folder)


def text_data(folder: Path, start: int, stop: int, window: int = 32) -> TextData:
    pieces = [part for part in corpus()[start:stop].split("\n\n") if part.strip()]
    documents = [Document(f"d{n}", part) for n, part in enumerate(pieces)]
    write_text_data(folder, documents, DataSpec(window=window))
    return TextData(folder, digest_folder(folder))


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Arguments of the pass: what is trained on, and both texts to judge on."""
    root = tmp_path_factory.mktemp("texts")
    return {
        "text": (text_data(root / "train", 0, 8_000),),
        "heldout": text_data(root / "heldout", 40_000, 40_600),
        "other": text_data(root / "other", 200_000, 200_600),
    }


def small(**settings: Any) -> Distill:
    given: dict[str, Any] = {
        "layers": 1,
        "width": "50%",
        "tokens": "1280 tokens",
        "batch": 4,
        "micro_batch": 2,
        "eval_steps": 4,
        "learning_rate": 3e-3,
        "top_k": 16,
        "precision": Precision.float32,
    }
    return Distill(**(given | settings))
