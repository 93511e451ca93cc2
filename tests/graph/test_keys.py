"""Keys: everything that shapes an output changes them, nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.artifacts.entry import Entry, Made
from infopt_compiler.graph import build_graph, explain, keys, step_key
from infopt_compiler.passes.quantize import Quantize
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import Program
from tests.execute.conftest import TARGET, write_model
from tests.graph.test_build import program


@pytest.fixture(autouse=True)
def sources(tmp_path, monkeypatch):
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path / "cache"))
    write_model(tmp_path / "m")
    (tmp_path / "t.txt").write_text("One.\n\nTwo.\n")
    return tmp_path


def entry(name: str, material: dict | None = None, digest: str = "d") -> Entry:
    return Entry(digest_json(name), Made(name, "HFModel", material or {}), digest, {}, 1, 0.0, Path())


def inputs(**changed: Entry) -> dict[str, Entry]:
    names = ("smollm2", "base", "calib", "q", "onnx", "heldout")
    return {name: entry(name, digest=f"digest of {name}") for name in names} | changed


def key(name: str, base: Path, program: Program, given=None, target=TARGET, seed: int = 0) -> keys.Key:
    graph = build_graph(program, base)
    return step_key(graph, graph.steps[name], given or inputs(), target, seed)


def changed(name: str, base: Path, **parameters) -> Program:
    old = program()
    node = replace(old.nodes[name], parameters=parameters)
    return replace(old, nodes={**old.nodes, name: node})


def test_a_key_is_a_full_digest_of_its_material(sources):
    found = key("q", sources, program())
    assert len(found.digest) == 64 and found.digest == digest_json(found.material)
    assert found.material["parameters"]["group"] == Quantize().group, "defaults are part of it"
    assert found == key("q", sources, changed("q", sources, bits=8, group=Quantize().group))


def test_what_changes_a_key(sources, monkeypatch):
    before = key("q", sources, program())
    seen = {before.digest}
    for other in (
        key("q", sources, changed("q", sources, bits=4)),
        key("q", sources, program(), inputs(base=entry("base", digest="other"))),
        key("q", sources, program(), inputs(calib=entry("calib", digest="other"))),
        key("q", sources, program(), seed=1),
    ):
        seen.add(other.digest)
    monkeypatch.setattr(Quantize, "version", 99)
    seen.add(key("q", sources, program()).digest)
    monkeypatch.undo()
    monkeypatch.setattr(keys, "_version", lambda name: "0.0")
    seen.add(key("q", sources, program()).digest)
    assert len(seen) == 7


def test_what_does_not(sources):
    before = key("q", sources, program())
    assert key("q", sources, program(), target=replace(TARGET, name="other", bandwidth=1.0)) == before
    renamed = replace(program(), scenarios={"assistant": Scenario("renamed")})
    assert key("chat", sources, renamed) == key("chat", sources, program())


def test_the_scenario_is_part_of_it(sources):
    other = replace(program(), scenarios={"assistant": Scenario("assistant", prompt=7)})
    assert key("chat", sources, other) != key("chat", sources, program())


def test_fields_of_the_target_where_a_pass_reads_them(sources):
    before = key("base", sources, program())
    assert key("base", sources, program(), target=replace(TARGET, memory_bytes=1.0)) != before
    assert key("base", sources, program(), target=replace(TARGET, bandwidth=1.0)) == before


def test_the_machine_enters_where_timing_decides_and_stays(sources):
    assert "machine" not in key("q", sources, program()).material
    assert "machine" in key("chat", sources, program()).material
    tuned = inputs(base=entry("base", {"machine": "m"}))
    assert "machine" in key("q", sources, program(), tuned).material


def test_models_and_data_are_known_by_their_bytes(sources):
    model, data = (key(name, sources, program()) for name in ("smollm2", "calib"))
    assert key("smollm2", sources, program()) == model
    (sources / "m" / "tokenizer.json").write_text('{"a": 1}')
    (sources / "t.txt").write_text("Three.\n")
    assert key("smollm2", sources, program()) != model
    assert key("calib", sources, program()) != data
    assert key("calib", sources, program()) != key("heldout", sources, program())


def test_files_that_an_import_does_not_read_are_no_part_of_it(sources):
    model = key("smollm2", sources, program())
    (sources / "m" / "README.md").write_text("new words")
    (sources / "m" / ".git").mkdir()
    (sources / "m" / ".git" / "HEAD").write_text("ref")
    assert key("smollm2", sources, program()) == model
    (sources / "m" / "generation_config.json").write_text("{}")
    assert key("smollm2", sources, program()) != model


def test_explain(sources):
    before = key("q", sources, program())
    old = before.material
    assert explain(before.material, None) == ["this recipe has not made it before"]
    assert explain(before.material, old) == ["its artifact is gone from the store"]
    now = key(
        "q", sources, changed("q", sources, bits=4), inputs(base=entry("base", digest="f" * 64)), seed=3
    )
    told = explain(now.material, old)
    assert "`bits`: 8 → 4" in told and "the seed: 0 → 3" in told
    assert "input `model`: digest of base → ffffffffffff" in told
    assert explain(key("base", sources, program()).material, old) == ["the pass: quantize → select"]
