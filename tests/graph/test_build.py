"""The graph of a recipe: what is needed, in which order, of which types."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infopt_compiler.budget.bound import Bound, Operator
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.graph import PassStep, build_graph, verify
from infopt_compiler.graph.model import Graph
from infopt_compiler.passes.quantize import Quantize
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import Budget, DataDecl, ModelDecl, Node, Program
from infopt_compiler.units import parse_quantity


def program() -> Program:
    bounds = (
        Bound("perplexity", Operator.le, parse_quantity("105%"), relative_to="base", on="heldout"),
        Bound("kl", Operator.le, parse_quantity("0.1 nats"), "mean", reference="base", on="heldout"),
    )
    return Program(
        "chat",
        {"smollm2": ModelDecl("smollm2", "file:m"), "unused": ModelDecl("unused", "file:n")},
        {
            "calib": DataDecl("calib", "file:t.txt", 0.0, 0.6),
            "heldout": DataDecl("heldout", "file:t.txt", 0.8, 1.0),
            "other": DataDecl("other", "file:o.txt"),
        },
        {"assistant": Scenario("assistant")},
        {
            "chat": Node("chat", "tune", {"model": ("onnx",), "under": ("assistant",)}, {}),
            "onnx": Node("onnx", "export", {"model": ("q",)}, {}),
            "q": Node("q", "quantize", {"model": ("base",), "calibrate": ("calib",)}, {"bits": 8}),
            "base": Node("base", "select", {"candidates": ("smollm2",)}, {}),
            "aside": Node("aside", "select", {"candidates": ("unused",)}, {}),
        },
        {"chat": Budget("chat", "chat", "assistant", bounds)},
    )


def test_only_what_is_needed_sources_first():
    graph = build_graph(program(), Path("/recipes"))
    assert list(graph.steps) == ["smollm2", "calib", "heldout", "base", "q", "onnx", "chat"]
    assert graph.shipped == ("chat",) and graph.base == Path("/recipes")
    assert [step.kind for step in graph.steps.values()] == ["model", "data", "data", *["pass"] * 4]
    assert list(verify(graph)) == []


def test_parameters_and_scenarios_are_typed():
    graph = build_graph(program(), Path("/recipes"))
    q, chat = graph.steps["q"], graph.steps["chat"]
    assert isinstance(q, PassStep) and isinstance(q.instance, Quantize) and q.instance.bits == 8
    assert chat.scenarios == {"under": Scenario("assistant")} and chat.inputs == {"model": ("onnx",)}


def test_downstream():
    graph = build_graph(program(), Path())
    assert graph.downstream("q") == ["onnx", "chat"]
    assert graph.downstream("heldout") == []


def test_as_data_and_as_a_picture():
    graph = build_graph(program(), Path())
    steps = {step["name"]: step for step in graph.to_json()["steps"]}
    assert steps["q"]["parameters"]["bits"] == 8 and steps["q"]["inputs"]["calibrate"] == ["calib"]
    assert steps["smollm2"]["source"] == "file:m" and steps["chat"]["scenarios"] == {"under": "assistant"}
    picture = graph.mermaid()
    assert "  q -->|model| onnx\n" in picture and '  chat[["chat<br/>tune"]]' in picture


def _with(name: str, **changes) -> Program:
    old = program()
    return replace(old, nodes={**old.nodes, name: replace(old.nodes[name], **changes)})


@pytest.mark.parametrize(
    ("wrong", "code", "word"),
    [
        (_with("base", inputs={"candidates": ("q",)}), "E0807", "depends on itself: "),
        (_with("q", inputs={"model": ("nothing",)}), "E0807", "no binding is called `nothing`"),
        (_with("onnx", inputs={"model": ("calib",)}), "E0808", "`calib` is TextData"),
        (_with("q", inputs={"calibrate": ("calib",)}), "E0808", "needs `model`"),
        (_with("onnx", inputs={"model": ("q", "base")}), "E0808", "takes one artifact, not 2"),
        (_with("chat", inputs={"model": ("onnx",)}), "E0808", "needs `under`"),
    ],
)
def test_what_the_checker_should_have_refused(wrong, code, word):
    with pytest.raises(DiagnosticError) as failure:
        build_graph(wrong, Path())
    assert failure.value.diagnostics[0].code == code and word in failure.value.diagnostics[0].message


def test_order_is_verified():
    graph = build_graph(program(), Path())
    backwards = Graph(graph.recipe, dict(reversed(graph.steps.items())), graph.shipped, graph.base)
    assert {found.code for found in verify(backwards)} == {"E0807"}
