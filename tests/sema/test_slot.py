"""Signatures of passes; those of the real ones hold what the language can write."""

from __future__ import annotations

from enum import Enum

import pytest

from infopt_compiler.artifacts import HFModel, OnnxModel, QuantizedModel, TextData
from infopt_compiler.passes.registry import find_pass, pass_names
from infopt_compiler.sema.slot import InputSlot, signature_of
from infopt_compiler.units import Dimension
from tests.sema.passes import Convert, Demanding, Pick, Polish, Shrink


def test_inputs():
    assert signature_of(Pick).inputs == {
        "candidates": InputSlot("candidates", (HFModel,), variadic=True),
        "on": InputSlot("on", (TextData,), optional=True),
    }
    assert signature_of(Convert).inputs["model"].kinds == (HFModel, QuantizedModel)
    assert signature_of(Polish).inputs["model"].kinds == (OnnxModel,)
    assert signature_of(Polish).inputs["under"].scenario


def test_parameters():
    slots = signature_of(Shrink).slots
    assert (slots["bits"].type, slots["bits"].choices) == (int, (4, 8))
    assert (slots["layers"].type, slots["layers"].item) == (list, int)
    assert signature_of(Polish).slots["time"].dimension is Dimension.time
    assert signature_of(Pick).slots["require"].requirement
    assert signature_of(Demanding).slots["ratio"].required and not slots["bits"].required


@pytest.mark.parametrize("name", pass_names())
def test_every_pass_has_parameters_that_can_be_written(name):
    signature = signature_of(find_pass(name))
    assert all(slot.scenario or slot.kinds for slot in signature.inputs.values())
    for slot in signature.slots.values():
        written = slot.item if slot.type is list else slot.type
        assert issubclass(written, bool | int | float | str | Enum), slot
        assert slot.dimension is None or written is str, slot
    assert not set(signature.inputs) & set(signature.slots)
    assert [slot.variadic for slot in signature.inputs.values()].count(True) <= 1
