"""Fields of groups are checked like the recipe."""

from __future__ import annotations

import pytest

from infopt_compiler.config.group_overrides import group_value, is_group_field, with_unit
from infopt_compiler.config.overrides import split_override
from infopt_compiler.diagnostics import DiagnosticError

GOOD = [
    ("target.memory=8 GiB", "8 GiB"),
    ("target.memory='8GiB'", "8 GiB"),
    ("target.price=0.5 USD/h", "0.5 USD/h"),
    ("target.cores=2", 2),
    ("target.bandwidth=3e10 B/s", 3e10),
    ("target.memory=null", None),
    ("measure.confidence=0.99", 0.99),
    ("measure.windows=8", 8),
    ("engine.threads=1", 1),
    ("measure.seconds=5s", 5.0),
    ("measure.seconds=5", 5.0),
    ("measure.seconds=2 min", 120.0),
    ("measure.attribution_seconds=500ms", 0.5),
    ("measure.confidence=95%", 0.95),
    ("measure.confidence='99.9%'", 0.999),
    ("measure.stable=5%", 0.05),
    ("target.bandwidth=50 GB/s", 50e9),
    ("target.flops=80 TFLOP/s", 80e12),
    ("engine.memory=2GiB", "2 GiB"),
    ("engine.hang=5 min", "5 min"),
]
BAD = [
    ("measure.seconds=5 MB", "E0553"),
    ("measure.seconds=-5 s", "E0553"),
    ("measure.seconds=inf", "E0553"),
    ("measure.seconds=5 minutes", "E0553"),
    ("measure.confidence=100%", "E0553"),
    ("measure.confidence=95", "E0553"),
    ("measure.windows=5 s", "E0553"),
    ("target.bandwidth=50 GB", "E0553"),
    ("target.bandwidth=50", "E0553"),
    ("target.flops=1e12", "E0553"),
    ("target.price=2", "E0553"),
    ("target.memory=50", "E0553"),
    ("target.bandwidth=0 GB/s", "E0553"),
    ("target.flops=80 TFLOPS", "E0553"),
    ("target.memory=8 apples", "E0553"),
    ("target.memory=8 ms", "E0553"),
    ("target.memory=lots", "E0553"),
    ("target.memory=-8 GB", "E0553"),
    ("target.cores=two", "E0553"),
    ("target.bandwidth=nan", "E0553"),
    ("target.bandwidth=inf", "E0553"),
    ("measure.windows=1.5", "E0553"),
    ("target.bandwidth=0", "E0553"),
    ("target.flops=0.5", "E0553"),
    ("target.memory=0 B", "E0553"),
    ("target.cores=0", "E0553"),
    ("engine.threads=-1", "E0553"),
    ("measure.confidence=1", "E0553"),
    ("measure.confidence=0.3", "E0553"),
    ("measure.requests=0", "E0553"),
    ("measure.max_blocks=1", "E0553"),
    ("measure.resamples=0", "E0553"),
    ("target.memori=8 GB", "E0552"),
    ("target.name=x", "E0552"),
    ("engine.run_dir=/tmp", "E0552"),
    ("engine.recipe.folder=/tmp", "E0552"),
    ("engine.predict_only=true", "E0552"),
    ("+target.new=1", "E0552"),
    ("~target.memory", "E0552"),
]


@pytest.mark.parametrize(("text", "value"), GOOD)
def test_good(text, value):
    override = split_override(text)
    assert is_group_field(override)
    assert group_value(override) == value


@pytest.mark.parametrize(("text", "code"), BAD)
def test_bad(text, code):
    with pytest.raises(DiagnosticError) as caught:
        group_value(split_override(text))
    (problem,) = caught.value.diagnostics
    assert problem.code == code
    assert problem.span.input.text == text


def test_the_caret_is_below_the_value():
    with pytest.raises(DiagnosticError) as caught:
        group_value(split_override("target.memory=8 ms"))
    assert caught.value.diagnostics[0].span.text == "8 ms"


@pytest.mark.parametrize("text", ["target=h100", "q.bits=8", "targets.x=1"])
def test_other_overrides_are_the_recipes(text):
    assert not is_group_field(split_override(text))


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("target.bandwidth=50000000000.0", "target.bandwidth=50000000000 B/s"),
        ("target.flops=8e13", "target.flops=80000000000000 FLOP/s"),
        ("measure.seconds=5.0", "measure.seconds=5.0"),
        ("target.memory=8 GiB", "target.memory=8 GiB"),
        ("q.bits=8", "q.bits=8"),
    ],
)
def test_a_job_gets_numbers_in_base_units_back_with_the_unit(given, full):
    assert with_unit(split_override(given)).text == full


def test_a_number_without_its_unit_names_the_units():
    with pytest.raises(DiagnosticError) as caught:
        group_value(split_override("target.bandwidth=50"))
    problem = caught.value.diagnostics[0]
    assert problem.span.text == "50" and "`GB/s`" in problem.help


def test_a_share_over_one_is_per_cent():
    with pytest.raises(DiagnosticError) as caught:
        group_value(split_override("measure.confidence=95"))
    assert caught.value.diagnostics[0].help == "write `95%`"
