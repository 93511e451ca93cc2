"""recipes/minilm-small.opt with its quick preset, on a tiny BERT and a few modules: every step from text to a verdict."""

from __future__ import annotations

import pytest

from tests.e2e.recipes import copy_recipe, read_report, run
from tests.passes.export.encoders import write_bert

pytestmark = pytest.mark.slow
FEWER = {
    "minilm": "file:tiny",
    "stdlib": "python:json.*",
    "torch": "python:argparse",
    "numpy": "python:textwrap",
    "sympy": "python:fractions",
    "models": "python:email.*",
    "graphs": "python:turtle",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict:
    place = tmp_path_factory.mktemp("minilm-small")
    write_bert(place / "tiny", num_hidden_layers=4, initializer_range=0.2)
    overrides = [f"{name}.source={source}" for name, source in FEWER.items()]
    overrides += ["small.preset=quick", "small.layers=2", "measure.seconds=5"]
    done = run(place, copy_recipe("minilm-small", place), *overrides)
    assert done.returncode in (0, 3, 4), done.stdout + done.stderr  # the bounds are those of the real model
    return read_report(place, "minilm-small") | {"found": place / "outputs/minilm-small/latest"}


def test_the_student_was_distilled_and_judged_on_both_texts(report):
    (row,) = (row for row in report["passes"] if row["name"] == "small")
    facts = row["facts"]["distillation"]
    assert facts["training"]["distilled"]["steps"] == facts["training"]["control"]["steps"] == 3
    assert set(facts["quality"]) == {"heldout", "other"}
    assert len(facts["student"]["kept_layers"]) == 2


def test_the_artifact_is_half_the_teacher_and_was_compared_with_it(report):
    values = {bound["metric"]: bound["value"] for bound in report["bounds"]}
    assert 0 < values["cosine.mean"] <= 1 and 0 <= values["ranking"] <= 1
    assert (report["found"] / "artifact/model.onnx").is_file()


def test_the_page_tells_of_the_distillation(report):
    page = (report["found"] / "report.html").read_text("utf-8")
    assert "companions" in page and "control (text alone)" in page
