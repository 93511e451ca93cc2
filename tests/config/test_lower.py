"""Lowering gives plain, readable values."""

from __future__ import annotations

import json
from dataclasses import replace

from infopt_compiler.config import lower
from infopt_compiler.config.lower import bound_keys


def test_values_are_plain_json(program):
    assert json.loads(json.dumps(lower(program))) == lower(program)


def test_a_pass_is_at_top_level_with_all_its_parameters(program):
    q = lower(program)["q"]
    assert q["pass"] == "quantize"
    assert (q["model"], q["calibrate"]) == ("base", "calib")
    assert (q["method"], q["bits"], q["group"]) == ("gptq", 4, 32)  # group: the default of the pass


def test_inputs_variadic_single_and_absent(program):
    config = lower(program)
    assert config["base"]["candidates"] == ["small", "big"]
    node = replace(program.nodes["q"], inputs={"model": ("base",)})
    assert lower(replace(program, nodes={**program.nodes, "q": node}))["q"]["calibrate"] is None


def test_quantities_are_canonical_text(program):
    config = lower(program)
    assert config["scenario"]["assistant"]["prompt"] == "32 tokens"
    assert config["calib"]["start"] == "12.3456789%"
    assert config["budget"]["chat"]["ttft"] == {"p95": "600 ms"}


def test_limits_carry_what_they_are_relative_to(program):
    chat = lower(program)["budget"]["chat"]
    assert (chat["perplexity"], chat["perplexity_2"]) == ("105% of base", "102.5% of base")


def test_a_value_and_its_part_do_not_share_a_key(program):
    keys = [key for key, _ in bound_keys(program.budgets["chat"])]
    assert keys == ["ttft.p95", "throughput_1", "throughput.total", "perplexity", "perplexity_2", "kl.mean"]
