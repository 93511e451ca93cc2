"""The pass's contract: what is refused before anything runs, shapes, kinds and estimates."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from infopt_compiler.artifacts import DataSpec, HFModel, ModelSpec, QuantizedModel
from infopt_compiler.diagnostics import Input
from infopt_compiler.passes.distill import Distill
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.parameters import Freeze, Preset, Source
from infopt_compiler.sema import check_recipe
from tests.passes.distill.conftest import HERE
from tests.passes.quantize.test_quantize import SMOLLM2

RECIPE = """
model m = "pypi:a==1#m.gguf"
data prose = "python:pydoc_data.topics"
data text = prose[0% .. 40%]
data held = prose[50% .. 60%]
data other = "python:turtle"
q = quantize(m, calibrate = text)
s = distill(m, {arguments} text = [text], heldout = held, other = other)
x = export({subject})
budget x {{
    {bound}
}}
"""


def found(
    arguments: str = "layers = 20,", subject: str = "s", bound: str = "gain.worst > 0 nats"
) -> list[str]:
    text = RECIPE.format(arguments=arguments, subject=subject, bound=bound)
    _, diagnostics = check_recipe(Input("r.opt", text))
    return [f"{d.code} {d.message}" for d in diagnostics if d.code != "E0210"]


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from infopt_compiler.passes.registry import find_pass; d = find_pass('distill')(layers=2);"
        "print([m for m in ('torch', 'transformers', 'numpy', 'safetensors') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_recipe_may_bound_gain_and_retention() -> None:
    assert found() == []
    assert found(bound="retention.mean >= 90% vs m on held") == []
    assert found("student = q,", "s") == []


def test_text_that_is_learnt_and_judged_on() -> None:
    """Though the bound on `gain` names no text."""
    overlapping = RECIPE.replace("prose[50% .. 60%]", "prose[30% .. 60%]")
    recipe = overlapping.format(arguments="layers = 20,", subject="s", bound="gain.worst > 0 nats")
    _, diagnostics = check_recipe(Input("r.opt", recipe))
    (found,) = [d for d in diagnostics if d.code != "E0210"]
    assert found.code == "E0431" and found.span is not None
    assert found.message.startswith("`held`, on which quality is judged, overlaps `text`")


def test_gain_without_distillation_is_refused() -> None:
    assert found(subject="m")[0].startswith("E0440 `gain.worst` is recorded by `distill`")


def test_a_student_or_what_it_is_like() -> None:
    assert found("")[0] == "E0750 nothing says how small the student is"
    assert found("student = q, layers = 20,")[0].startswith("E0750 `student` is a model already")


def test_a_quantized_student_gives_a_quantized_model() -> None:
    assert Distill().output_for({"teacher": HFModel, "student": QuantizedModel}) is QuantizedModel
    assert Distill().output_for({"teacher": HFModel}) is HFModel
    again = RECIPE.replace("x = export", "y = quantize(s, calibrate = text)\nx = export")
    _, diagnostics = check_recipe(
        Input("r.opt", again.format(arguments="student = q,", subject="y", bound="size <= 1 MB"))
    )
    assert "E0401" in [d.code for d in diagnostics]


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [
        ({"layers": 31}, "layers"),
        ({"size": "10%"}, "size"),
        ({"layers": 20, "hard": "120%"}, "hard"),
        ({"layers": 20, "tokens": "0 tokens"}, "tokens"),
        ({"layers": 20, "source": Source.student, "freeze": Freeze.shared}, "freeze"),
        ({"layers": 20, "source": Source.student, "objective": Objective.hard}, "objective"),
        ({"layers": 20, "freeze": Freeze.shared, "train_embeddings": True}, "train_embeddings"),
        ({"layers": 20, "batch": 3, "world_size": 2}, "world_size"),
        ({"layers": 20}, None),
    ],
    ids=str,
)
def test_static_problems(settings: dict[str, Any], parameter: str | None) -> None:
    problems = list(Distill(**settings).check(SMOLLM2))
    assert [problem.parameter for problem in problems] == ([parameter] if parameter else [])


def test_the_student_s_shape() -> None:
    student = Distill(layers=20).transform(SMOLLM2)
    assert (student.layers, student.parameters) == (20, 99_114_048)
    assert Distill(size="60%").transform(SMOLLM2).weight_bytes <= 0.6 * SMOLLM2.weight_bytes
    assert Distill().transform(SMOLLM2) == SMOLLM2


def test_estimate_counts_tokens_and_what_the_teacher_reads() -> None:
    def seconds(tokens: int, sample: int = 0) -> float:
        texts = {"text": (DataSpec(window=256, sample=sample),)}
        specs: dict[str, ModelSpec] = {"teacher": SMOLLM2}
        settings = Distill(layers=20, tokens=f"{tokens} tokens")
        return settings.estimate_inputs(specs, texts, HERE).seconds

    assert 1.6 < seconds(400_000) / seconds(200_000) < 2
    assert seconds(200_000, sample=100) < seconds(200_000)


def test_quick_takes_what_its_steps_take() -> None:
    def seconds(**settings: Any) -> float:
        texts = {"text": (DataSpec(window=256),)}
        return Distill(layers=20, **settings).estimate_inputs({"teacher": SMOLLM2}, texts, HERE).seconds

    three = seconds(tokens=f"{3 * 8 * 256} tokens")  # as many steps, but a student made and judged in full
    assert seconds(preset=Preset.quick) < three < seconds() / 2
