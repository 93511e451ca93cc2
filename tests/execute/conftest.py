"""A model folder of a few bytes, and recipes over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from infopt_compiler.artifacts.store import Store
from infopt_compiler.diagnostics import Input, Span
from infopt_compiler.execute import ExecuteOptions, Execution, run_graph
from infopt_compiler.graph import NEVER, Again, build_graph
from infopt_compiler.sema.program import DataDecl, ModelDecl, Node, Program
from infopt_compiler.targets.model import Target
from tests.execute import toy_passes

TARGET = Target("box", 8e9, 30e9, 1e11, 0.1, 2, here=True)
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "intermediate_size": 16,
    "vocab_size": 32,
    "max_position_embeddings": 64,
}


def write_model(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    weights = np.random.default_rng(seed).standard_normal((32, 8), dtype=np.float32)
    save_file({"model.embed_tokens.weight": weights}, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text("{}")
    return folder


class Recorder:
    """Events as a list of words."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.details: dict[str, str] = {}
        self.interrupt_at: str | None = None  # a message of progress that comes together with Ctrl-C

    def step_started(self, name: str, detail: str) -> None:
        self.details[name] = detail
        self.seen.append(("started", name))

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.seen.append(("progress", message))
        if message == self.interrupt_at:
            raise KeyboardInterrupt

    def step_finished(self, name: str, seconds: float) -> None:
        self.seen.append(("finished", name))

    def step_cached(self, name: str) -> None:
        self.seen.append(("cached", name))

    def warning(self, message: str) -> None:
        self.seen.append(("warning", message))

    def names(self, word: str) -> list[str]:
        return [name for kind, name in self.seen if kind == word]


class Bench:
    """Builds `m -> t (toy) -> u (toy)`, with parameters per node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "store")
        self.options = ExecuteOptions(logs=folder / "logs", threads=1)
        self.events = Recorder()
        self.input = Input(str(folder / "toy.opt"), 'model m = "file:model"\nt = toy(m)\nu = toy(t)\n')

    def program(self, t: dict[str, Any] | None = None, u: dict[str, Any] | None = None) -> Program:
        lines = self.input.text.splitlines(keepends=True)
        spans = [
            Span(self.input, sum(map(len, lines[:n])), sum(map(len, lines[: n + 1])) - 1) for n in range(3)
        ]
        return Program(
            "toy",
            {"m": ModelDecl("m", "file:model", spans[0])},
            {"d": DataDecl("d", "file:text.txt", span=None)},
            {},
            {
                "t": Node("t", "toy", {"model": ("m",)}, t or {}, span=spans[1]),
                "u": Node("u", "toy", {"model": ("t",)}, u or {}, span=spans[2]),
            },
            {},
            input=self.input,
        )

    def build(
        self,
        program: Program | None = None,
        again: Again = NEVER,
        interrupt_at: str | None = None,
        **nodes: dict[str, Any],
    ) -> Execution:
        self.events = Recorder()
        self.events.interrupt_at = interrupt_at
        graph = build_graph(program or self.program(**nodes))
        return run_graph(graph, self.store, TARGET, self.options, self.events, again=again)


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path / "cache"))
    write_model(tmp_path / "model")
    (tmp_path / "text.txt").write_text("One.\n\nTwo.\n")
    assert toy_passes.Toy.name == "toy"
    return Bench(tmp_path)
