from __future__ import annotations

from pathlib import Path

import pytest

from infopt_compiler.artifacts import OnnxModel, TextData
from infopt_compiler.measure.records import FreshRecords, MemoryRecords, quality_key, timing_key
from infopt_compiler.measure.serving import process as surroundings
from infopt_compiler.measure.settings import PRESETS
from infopt_compiler.runtimes import protocol
from infopt_compiler.scenario import Scenario


def test_measuring_again_ignores_what_was_kept_and_replaces_it():
    kept = MemoryRecords()
    kept.put_record("a", {"value": 1})
    fresh = FreshRecords(kept)
    assert fresh.record("a") is None
    fresh.put_record("a", {"value": 2})
    assert fresh.record("a") == {"value": 2} == kept.record("a")


def _key(**settings) -> str:
    artifacts = {"chat": OnnxModel(Path("nowhere"), "digest")}
    return timing_key(artifacts, Scenario(**settings), PRESETS["quick"], ["ttft.p95 <= 1 s"])


def test_a_timing_is_not_reused_where_the_environment_tells_a_runtime_otherwise(monkeypatch):
    before = _key()
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    assert _key() == before == _key(name="renamed")
    keys = {before}
    for variable in ("OMP_NUM_THREADS", "ORT_TENSORRT_FP16_ENABLE", "KMP_BLOCKTIME", "LD_PRELOAD"):
        monkeypatch.setenv(variable, "1")
        keys.add(_key())
    assert len(keys) == 5


@pytest.fixture
def host(monkeypatch, tmp_path):
    """The key on a host of that name and identity."""

    def key(name: str, identity: str) -> str:
        (tmp_path / "machine-id").write_text(identity + "\n")
        monkeypatch.setattr(
            surroundings, "_IDENTITIES", (str(tmp_path / "machine-id"), str(tmp_path / "none"))
        )
        monkeypatch.setattr(surroundings.platform, "node", lambda: name)
        surroundings.host_digest.cache_clear()
        return _key()

    yield key
    surroundings.host_digest.cache_clear()


def test_a_timing_is_not_reused_on_another_host_of_the_same_kind(host):
    assert host("a", "1") == host("a", "1")
    assert len({host("a", "1"), host("b", "1"), host("a", "2")}) == 3  # images may share one of the two


def test_a_record_hangs_on_the_runtime_that_computed_it_and_on_its_version(tmp_path, monkeypatch):
    (tmp_path / "model.onnx").touch()
    encoder, text = OnnxModel(tmp_path, "digest"), TextData(Path("nowhere"), "text")

    def keys() -> tuple[str, str]:
        timed = timing_key({"chat": encoder}, Scenario(), PRESETS["quick"], [])
        return timed, quality_key(encoder, None, text, 4)

    before = keys()
    assert keys() == before
    monkeypatch.setattr(protocol, "version", lambda name: "another")
    assert keys()[0] != before[0]  # that of a package's runtime, too: no fixed list names its libraries
