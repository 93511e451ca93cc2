"""Units are a table; every property holds of every row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.units import (
    MISSPELLED,
    UNITS,
    Dimension,
    Quantity,
    UnitError,
    find_unit,
    human,
    parse_quantity,
)

QUANTITIES = st.builds(
    Quantity, st.floats(-1e15, 1e15, allow_nan=False), st.sampled_from(list(UNITS.values()))
)


@given(QUANTITIES)
def test_the_canonical_text_reads_back(quantity):
    assert parse_quantity(str(quantity)) == quantity


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_every_unit_converts_inside_its_dimension_only(unit):
    for other in UNITS.values():
        if other.dimension is unit.dimension:
            assert Quantity(3.0, unit).to(other.name).base == pytest.approx(3.0 * unit.scale)
        else:
            with pytest.raises(UnitError):
                Quantity(3.0, unit).to(other.name)


@pytest.mark.parametrize("dimension", [d for d in Dimension if d is not Dimension.fraction])  # 1 has no name
def test_every_dimension_has_a_base_unit(dimension):
    assert [u.name for u in UNITS.values() if u.dimension is dimension and u.scale == 1.0]


@pytest.mark.parametrize(("wrong", "right"), MISSPELLED.items())
def test_misspelled_units_name_the_right_one(wrong, right):
    assert wrong not in UNITS
    with pytest.raises(UnitError) as caught:
        find_unit(wrong)
    assert caught.value.help == f"did you mean `{right}`?"


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("600 ms", 0.6),
        ("105%", 1.05),
        ("1_000", 1000),
        ("-3", -3),
        ("2 KiB", 2048),
        ("1 bits", 0.6931471805599453),
    ],
)
def test_base_values(text, base):
    assert parse_quantity(text).base == pytest.approx(base)


@pytest.mark.parametrize("text", ["", "ms", "1 2", "1 parsec", "one", "1 ms ms", "nan", "inf"])
def test_no_quantities(text):
    with pytest.raises(UnitError):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("base", "dimension", "text"),
    [
        (0.0123, Dimension.time, "12.3 ms"),
        (90.0, Dimension.time, "1.5 min"),
        (110e6, Dimension.bytes, "110 MB"),
        (0.5, Dimension.fraction, "50%"),
        (80.0, Dimension.token_rate, "80 tok/s"),
        (0.0, Dimension.time, "0 s"),
    ],
)
def test_values_for_people(base, dimension, text):
    assert human(base, dimension) == text
