"""Requirements as text."""

from __future__ import annotations

import pytest

from infopt_compiler.passes.select import Select
from infopt_compiler.passes.select.requirement import RequirementError, parse_requirement


def test_a_requirement_is_met_or_missed_by_a_share():
    requirement = parse_requirement("perplexity <= 18")
    assert str(requirement) == "perplexity <= 18"
    assert requirement.shortfall(18.0) is None
    assert requirement.shortfall(27.0) == pytest.approx(0.5)
    assert parse_requirement("perplexity < 18").shortfall(18.0) == 0.0


def test_units_are_converted():
    assert parse_requirement("size <= 50 MB").shortfall(49e6) is None
    assert parse_requirement("bits_per_byte <= 1 bits").shortfall(0.69) is None
    assert parse_requirement("bits_per_byte <= 1 bits").shortfall(0.70) is not None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("perplexity", "no requirement"),
        ("ttft <= 3 s", "before they are transformed"),
        ("perplexity >= 3", "upper bound"),
        ("size <= 4", "`size` is a bytes"),
        ("size <= 4 mb", "unknown unit"),
    ],
)
def test_what_is_wrong_is_said(text, part):
    with pytest.raises(RequirementError, match=part):
        parse_requirement(text)
    (problem,) = Select(require=[text]).check(None)
    assert part in problem.message and problem.parameter == "require"


def test_measuring_needs_text():
    assert not list(Select().check_inputs({"candidates": 1}))
    assert not list(Select(require=["size <= 3 MB"]).check_inputs({"candidates": 1}))
    assert list(Select().check_inputs({"candidates": 2}))
    assert list(Select(require=["perplexity <= 3"]).check_inputs({"candidates": 1}))
    assert not list(Select().check_inputs({"candidates": 2, "on": 1}))


@pytest.mark.parametrize(
    ("field", "value"), [("gain", "100%"), ("confidence", "50%"), ("confidence", "100%")]
)
def test_senseless_parameters_are_found(field, value):
    (problem,) = Select(**{field: value}).check(None)
    assert problem.parameter == field
