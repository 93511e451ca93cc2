from __future__ import annotations

from pathlib import Path

from infopt_compiler.targets import probe as module
from infopt_compiler.targets.probe import probe


def test_probe_measures_once_and_reads_its_cache(tmp_path: Path, monkeypatch) -> None:
    first = probe(tmp_path)
    assert 1e9 < first.bandwidth < 1e13
    assert 1e9 < first.flops < 1e15
    monkeypatch.setattr(module, "measure", lambda: (_ for _ in ()).throw(AssertionError("measured again")))
    assert probe(tmp_path) == first


def test_a_damaged_cache_is_measured_again(tmp_path: Path, monkeypatch) -> None:
    known = module.Probe(1.0, 2.0, 3.0)
    monkeypatch.setattr(module, "measure", lambda: known)
    assert probe(tmp_path) == known
    for file in (tmp_path / "machine").iterdir():
        file.write_text("{")
    monkeypatch.setattr(module, "measure", lambda: module.Probe(4.0, 5.0, 6.0))
    assert probe(tmp_path).bandwidth == 4.0


def test_a_disturbed_probe_is_made_again_later_and_the_best_rates_stay(tmp_path: Path, monkeypatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(module.time, "time", lambda: clock[0])
    monkeypatch.setattr(module, "measure", lambda: module.Probe(5.0, 50.0, 3.0, disturbed=True))
    assert probe(tmp_path).disturbed
    monkeypatch.setattr(module, "measure", lambda: module.Probe(48.0, 40.0, 3.0))
    assert probe(tmp_path).bandwidth == 5.0, "not at every call"
    clock[0] += 601
    assert probe(tmp_path) == module.Probe(48.0, 50.0, 3.0)
