"""Local sources are looked at before anything runs: at the place that names them."""

from __future__ import annotations

import pytest

from infopt_compiler.diagnostics import Input
from infopt_compiler.sema import check_recipe

MODEL = 'model m = "hf:org/m"\nq = quantize(m, calibrate = calib)\nonnx = export(q)\n'


def found(folder, text):
    _, diagnostics = check_recipe(Input(str(folder / "r.opt"), text))
    return [(d.code, d.span.text, d.help or "") for d in diagnostics if d.code.startswith("E06")]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "logs.csv").write_text("prompt,answer\nOne?,two\n")
    (tmp_path / "prose.txt").write_text("One.\n\nTwo.\n")
    return tmp_path


def test_missing_models_and_data(folder):
    text = 'model m = "file:modle"\ndata calib = "file:log.csv"\nq = quantize(m, calibrate = calib)\nonnx = export(q)\n'
    (model, data) = found(folder, text)
    assert model[:2] == ("E0601", '"file:modle"') and data[:2] == ("E0601", '"file:log.csv"')
    assert "did you mean `logs.csv`?" in data[2] and f"recipe's folder, `{folder}`" in data[2]


@pytest.mark.parametrize(
    ("data", "code", "at", "help"),
    [
        ('data calib = "file:logs.csv" { field = "promt" }', "E0623", '"promt"', "did you mean `prompt`?"),
        ('data calib = "file:logs.csv"', "E0623", '"file:logs.csv"', "known: `answer`, `prompt`"),
        ('data a = "file:logs.csv"\ndata calib = a[0% .. 50%] { field = "x" }', "E0623", '"x"', "`prompt`"),
        (
            'data a = "file:logs.csv" { field = "x" }\ndata b = a[0% .. 50%]\ndata calib = b[0% .. 50%]',
            "E0623",
            '"x"',
            "`prompt`",
        ),
        ('data a = "file:logs.csv"\ndata calib = a[0% .. 50%]', "E0623", '"file:logs.csv"', "`prompt`"),
        ('data a = "file:nope.csv"\ndata calib = a[0% .. 50%]', "E0601", '"file:nope.csv"', "relative"),
        (
            'data a = "file:nope.csv"\ndata calib = a[0% .. 50%]\ndata b = a[50% .. 60%] { field = "y" }',
            "E0601",
            '"file:nope.csv"',
            "relative",
        ),
        ('data calib = "file:prose.txt" { field = "x" }', "E0622", '"x"', "leave it out"),
        ('data calib = "python:os" { field = "x" }', "E0622", '"x"', "leave it out"),
        ('data calib = "hf:datasets/a/b#x.zip"', "E0609", '"hf:datasets/a/b#x.zip"', ".parquet"),
    ],
)
def test_a_field_that_rows_do_not_have_is_told_once_at_its_place(folder, data, code, at, help):
    ((got, place, said),) = found(folder, data + "\n" + MODEL)
    assert (got, place) == (code, at) and help in said


@pytest.mark.parametrize(
    "data",
    [
        'data calib = "file:logs.csv" { field = "prompt" }',
        'data a = "file:logs.csv"\ndata calib = a[0% .. 50%] { field = "prompt" }',
        'data calib = "file:prose.txt"',
        'data calib = "hf:datasets/a/b#x.csv" { field = "prompt" }',
    ],
)
def test_what_is_right_says_nothing(folder, data):
    assert found(folder, data + "\n" + MODEL) == []
