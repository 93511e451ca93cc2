"""A program with one of everything, made by hand: what the checker would give."""

from __future__ import annotations

import pytest

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.budget.bound import Bound, BoundSeverity, Operator
from infopt_compiler.diagnostics import Input, Span
from infopt_compiler.scenario import Scenario, ScenarioMode
from infopt_compiler.sema.program import Budget, DataDecl, ModelDecl, Node, Program
from infopt_compiler.units import parse_quantity

TEXT = "# a price in $ and a \\ in a comment\nq = quantize(base, bits = 4)\n"


@pytest.fixture
def program() -> Program:
    recipe = Input("chat.opt", TEXT)
    line, bits = TEXT.index("q ="), TEXT.index("4)")
    on = {"on": "calib"}
    bounds = (
        Bound("ttft", Operator.le, parse_quantity("600 ms"), "p95"),
        Bound("throughput", Operator.ge, parse_quantity("80 tok/s")),
        Bound("throughput.total", Operator.ge, parse_quantity("240 tok/s")),
        Bound("perplexity", Operator.le, parse_quantity("105%"), relative_to="base", **on),
        Bound(
            "perplexity",
            Operator.le,
            parse_quantity("102.5%"),
            relative_to="base",
            severity=BoundSeverity.warn,
            **on,
        ),
        Bound(
            "kl", Operator.lt, parse_quantity("0.05 nats"), "mean", reference="base", confidence=0.99, **on
        ),
    )
    return Program(
        recipe="chat",
        models={
            "small": ModelDecl("small", "pypi:small==1#a$b.gguf"),
            "big": ModelDecl("big", "hf:org/big@main"),
        },
        data={
            "prose": DataDecl("prose", "python:pydoc_data.topics"),
            "calib": DataDecl("calib", "file:a.jsonl", 0.123456789, 0.6, DataSpec(256, 3, 1), "body"),
        },
        scenarios={
            "assistant": Scenario("assistant", 32, 16, 2, 4096, 0.25),
            "rush": Scenario("rush", mode=ScenarioMode.server, rate=0.3, concurrency=4, prompts="prose"),
        },
        nodes={
            "base": Node(
                "base", "select", {"candidates": ("small", "big"), "on": ("prose",)}, {"prefer": "smallest"}
            ),
            "q": Node(
                "q",
                "quantize",
                {"model": ("base",), "calibrate": ("calib",)},
                {"method": "gptq", "bits": 4, "damp": 0.02, "symmetric": False},
                {"bits": Span(recipe, bits, bits + 1)},
                Span(recipe, line, len(TEXT) - 1),
            ),
            "onnx": Node("onnx", "export", {"model": ("q",)}, {}),
            "chat": Node("chat", "tune", {"model": ("onnx",), "under": ("assistant",)}, {}),
        },
        budgets={"chat": Budget("chat", "chat", "assistant", bounds)},
        target="h100",
        measure="quick",
        input=recipe,
    )
