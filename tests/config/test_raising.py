"""Raising undoes lowering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.budget.bound import Bound, BoundSeverity, Operator
from infopt_compiler.config import compose, lower, raise_program, with_source_map
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import Budget, DataDecl, ModelDecl, Node, Program
from infopt_compiler.units import UNITS, Quantity

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).filter(
    lambda text: "${" not in text and "???" not in text
)
_FRACTION = st.floats(0, 1, allow_nan=False)
_COUNT = st.integers(0, 10**6)
_NAME = st.sampled_from(["base", "calib"])


def _optional(strategy: Any) -> Any:
    return st.none() | strategy


_QUANTITY = st.builds(
    Quantity,
    st.floats(0, 1e12, allow_nan=False),
    st.sampled_from([unit for unit in UNITS.values() if unit.name]),
)
_BOUND = st.builds(
    Bound,
    metric=st.sampled_from(["ttft", "size", "throughput", "throughput.total", "memory.peak"]),
    operator=st.sampled_from(Operator),
    limit=_QUANTITY,
    aggregate=_optional(st.sampled_from(["p50", "p95"])),
    relative_to=_optional(_NAME),
    reference=_optional(_NAME),
    on=_optional(_NAME),
    severity=st.sampled_from(BoundSeverity),
    confidence=st.floats(0.5, 0.999),
)
_PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["rtn", "gptq"]),
        "bits": st.sampled_from([4, 8]),
        "group": st.sampled_from([16, 32]),
        "symmetric": st.booleans(),
        "damp": st.floats(1e-6, 1),
    },
)


@st.composite
def programs(draw: Any) -> Program:
    inputs = {"model": ("base",)} | ({"calibrate": ("calib",)} if draw(st.booleans()) else {})
    spec = draw(st.builds(DataSpec, _COUNT, _COUNT, _COUNT))
    return Program(
        recipe="r",
        models={"m": ModelDecl("m", draw(_TEXT))},
        data={"calib": DataDecl("calib", draw(_TEXT), draw(_FRACTION), draw(_FRACTION), spec, draw(_TEXT))},
        scenarios={"s": draw(st.builds(Scenario, st.just("s"), _COUNT, _COUNT, _COUNT, _COUNT, _FRACTION))},
        nodes={
            "base": Node("base", "select", {"candidates": ("m",)}, {}),
            "q": Node("q", "quantize", inputs, draw(_PARAMETERS)),
        },
        budgets={
            "b": Budget("b", "q", draw(_optional(st.just("s"))), tuple(draw(st.lists(_BOUND, max_size=4))))
        },
        target=draw(st.sampled_from(["cpu", "h100"])),
        measure=draw(st.sampled_from(["quick", "precise"])),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no finding
@given(programs())
def test_raising_undoes_lowering(program):
    config = lower(program)
    config |= {
        group: {**config.get(group, {}), "name": getattr(program, group)}
        for group in ("target", "measure", "engine")
    }
    assert raise_program(config) == program


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_raising_undoes_composing(program):
    assert raise_program(compose(program)) == program


def test_the_program_of_every_construct(program):
    raised = raise_program(compose(program))
    assert raised == program
    assert list(raised.nodes) == list(program.nodes)


def test_spans_travel_in_the_configuration(program):
    raised = raise_program(with_source_map(compose(program), program))
    assert raised == program
    assert raised.input == program.input
    assert raised.nodes["q"].span == program.nodes["q"].span
    assert raised.nodes["q"].spans == program.nodes["q"].spans
    assert raised.nodes["q"].spans["bits"].text == "4"


def test_a_default_that_the_recipe_sets_stays_set(program):
    node = replace(program.nodes["q"], parameters={"bits": 4})
    program = replace(program, nodes={**program.nodes, "q": node})
    assert raise_program(compose(program)).nodes["q"].parameters == {"bits": 4}


def test_what_hydra_overrides_is_a_parameter(program):
    assert raise_program(compose(program, ["q.group=64"])).nodes["q"].parameters["group"] == 64


def test_a_deleted_bound_is_gone(program):
    bounds = raise_program(compose(program, ["~budget.chat.ttft.p95"])).budgets["chat"].bounds
    assert bounds == program.budgets["chat"].bounds[1:]
