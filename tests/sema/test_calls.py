"""E0401 to E0411: artifacts and passes."""

from __future__ import annotations

import json

import pytest

from infopt_compiler.passes.registry import find_pass, pass_names
from infopt_compiler.sema.slot import signature_of
from tests.sema.recipes import GOOD, changed, check


@pytest.mark.parametrize(
    ("old", "new", "code", "caret", "message"),
    [
        ("shrink(best", "shrink(calib", "E0401", "calib", "`shrink` takes an HFModel, `calib` is a TextData"),
        ("calibrate = calib", "calibrate = best", "E0401", "best", "takes a TextData"),
        ("polish(onnx", "polish(q", "E0401", "q", "`polish` takes an OnnxModel, `q` is a QuantizedModel"),
        ("convert(q", "convert(heldout", "E0401", "heldout", "takes an HFModel or QuantizedModel"),
        ("shrink(best, ", "shrink(", "E0402", "shrink", "`shrink` needs `model`"),
        (", under = assistant", "", "E0402", "polish", "`polish` needs `under`: a scenario"),
        ("shrink(best", "shrink(best, calib, 3", "E0403", "3", "takes 2 positional arguments"),
        ("format = onnx)", "format = onnx, q)", "E0403", "q", "behind a named one"),
        ("pick(base, ", "pick(", "E0402", "pick", "needs `candidates`"),
    ],
)
def test_calls(old, new, code, caret, message):
    outcome = check(GOOD.replace(old, new, 1))
    first = outcome.found[0]
    assert (first.code, first.span.text) == (code, caret), outcome.found
    assert message in first.message


def test_quantizing_an_onnx_model():
    text = GOOD.replace("budget", "again = shrink(onnx)\nbudget")
    only = check(text).only
    assert only.message == "`shrink` takes an HFModel, `onnx` is an OnnxModel"
    assert only.notes[0].span.text == "onnx"


def test_optional_artifacts_may_be_left_out():
    text = GOOD.replace(", calibrate = calib", "").replace("data calib = prose[0% .. 60%] ", "# ")
    assert check(text).good.nodes["q"].inputs == {"model": ("best",)}


def test_variadic_artifacts_by_position_and_by_name():
    text = GOOD.replace("model base", 'model big = "hf:a/b"\nmodel base')
    by_place = check(text.replace("pick(base", "pick(base, big")).good
    by_name = check(text.replace("pick(base", "pick(candidates = [base, big]")).good
    assert by_place.nodes["best"].inputs == {"candidates": ("base", "big"), "on": ("heldout",)}
    assert by_name.nodes == by_place.nodes


def test_a_parameter_without_default_is_needed():
    text = GOOD.replace("pick(base, prefer = smallest, on = heldout)", "demanding(base)")
    assert check(text).only.code == "E0404"


def test_passes_check_which_arguments_are_given():
    text = GOOD.replace("model base", 'model big = "hf:a/b"\nmodel base')
    only = check(text.replace("pick(base, prefer = smallest, on = heldout)", "pick(base, big)")).only
    assert (only.code, only.message) == ("E0410", "several candidates need text")


CONFIG = {
    "model_type": "llama",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "hidden_size": 48,
    "intermediate_size": 96,
    "vocab_size": 100,
}


def _folder(tmp_path, **changes):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    return GOOD.replace("pypi:tiny==1.0#tiny.gguf", "file:tiny")


def test_a_model_that_is_there_is_checked_against_the_parameters(tmp_path):
    text = _folder(tmp_path)
    only = check(text, name=str(tmp_path / "recipe.opt")).only
    assert (only.code, only.span.text, only.help) == ("E0410", "32", "use a divisor")
    assert check(text.replace("group = 32", "group = 16"), name=str(tmp_path / "recipe.opt")).found == []


def test_a_model_that_is_not_there_is_an_error_of_the_recipe():
    only = check(GOOD.replace("pypi:tiny==1.0#tiny.gguf", "file:nowhere")).only
    assert (only.code, only.span.text) == ("E0601", '"file:nowhere"')


def test_a_model_must_fit_the_target(tmp_path):
    text = "target m7i_xlarge\n" + _folder(tmp_path, hidden_size=16384, num_hidden_layers=200)
    outcome = check(text, name=str(tmp_path / "recipe.opt"))
    assert outcome.only.code == "E0411"
    assert outcome.only.span.line == 2
    assert "`m7i_xlarge`" in outcome.only.message


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"num_attention_heads": 0, "hidden_size": 3}', '"x"'])
def test_a_config_that_cannot_be_read_is_passed_over(tmp_path, content):
    text = _folder(tmp_path)
    (tmp_path / "tiny" / "config.json").write_text(content)
    assert check(text, name=str(tmp_path / "recipe.opt")).found == []


def test_a_wrong_name_of_a_parameter_uses_its_value():
    outcome = changed("calibrate = calib", "calibrat = calib")
    assert outcome.codes == ["E0203"]


def test_a_decimal_comma_in_a_call():
    only = changed("group = 32,", "damp = 0,01,").only
    assert (only.code, only.span.text, only.help) == ("E0121", "0,01", "write `0.01`")


OLD = """
model teacher = "hf:org/teacher@main"
data text = "python:json"
data heldout = "python:csv"
data other = "python:ast"
small = distill(teacher, layers = 2, text = text, heldout = heldout, other = other, {})
"""


def distilled(arguments: str, *overrides: str):
    return check(OLD.replace("{}", arguments), *overrides)


def test_an_older_spelling_of_a_parameter_means_the_same_and_warns():
    old, new = distilled("batch = 8, micro = 2"), distilled("batch = 8, micro_batch = 2")
    assert [d.code for d in old.found if d.code == "E0216"] == ["E0216"]
    assert not [d for d in new.found if d.code == "E0216"]
    (told,) = (d for d in old.found if d.code == "E0216")
    assert (told.span.text, told.help) == ("micro", "write `micro_batch`")
    assert old.good.nodes["small"].parameters == new.good.nodes["small"].parameters


def test_both_spellings_at_once_are_one_parameter_given_twice():
    assert "E0208" in [d.code for d in distilled("micro = 2, micro_batch = 4").found]


@pytest.mark.parametrize("written", ["micro = 2", "micro_batch = 2", "batch = 16"])
@pytest.mark.parametrize("name", ["micro", "micro_batch"])
def test_an_override_finds_a_parameter_under_either_spelling(written: str, name: str):
    node = distilled(written, f"small.{name}=4").good.nodes["small"]
    assert node.parameters["micro_batch"] == 4
    removed = distilled(written, f"~small.{name}")
    if written.startswith("batch"):
        assert removed.codes[0] == "E0565"
    else:
        assert "micro_batch" not in removed.good.nodes["small"].parameters


def test_no_older_spelling_is_a_name_of_today():
    for name in pass_names():
        signature = signature_of(find_pass(name))
        assert not set(signature.formerly) & set(signature.names)
