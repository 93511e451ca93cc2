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
