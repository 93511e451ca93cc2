"""Settings out of a composed configuration."""

from __future__ import annotations

from infopt_compiler.config import apply_target, compose, measure_settings
from infopt_compiler.measure.settings import PRESETS
from infopt_compiler.targets.catalog import TARGETS


def test_a_target_as_the_catalog_has_it(program):
    assert apply_target(compose(program), TARGETS["h100"]) == TARGETS["h100"]


def test_fields_set_apart_from_the_catalog(program):
    target = apply_target(compose(program, ["target.memory='8 GiB'", "target.cores=2"]), TARGETS["h100"])
    assert (target.memory_bytes, target.cores) == (8 * 2**30, 2)
    assert target.bandwidth == TARGETS["h100"].bandwidth


def test_a_probed_target_keeps_what_was_probed(program):
    config = compose(program, ["target=cpu", "target.price='1 USD/h'"])
    assert apply_target(config, TARGETS["cpu"]).usd_per_hour == 1.0


def test_measure_settings(program):
    assert measure_settings(compose(program)) == PRESETS["quick"]
    assert measure_settings(compose(program, ["measure.confidence=0.99"])).confidence == 0.99
