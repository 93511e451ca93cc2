from __future__ import annotations

import subprocess
import sys

import pytest

from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.targets import TARGETS, catalog, find_target
from infopt_compiler.targets import probe as probing
from infopt_compiler.targets.clusters import CLUSTERS


def test_descriptions_are_complete() -> None:
    assert set(TARGETS) == {"cpu", "h100", "g5_xlarge", "m7i_xlarge", *CLUSTERS}
    for target in TARGETS.values():
        assert target.source
        if not target.here:
            assert min(target.memory_bytes, target.bandwidth, target.flops, target.usd_per_hour) > 0


def test_only_this_machine_is_here(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path))
    assert [name for name, target in TARGETS.items() if target.here] == ["cpu"]
    cpu = find_target("cpu")
    assert cpu.here
    assert min(cpu.memory_bytes, cpu.bandwidth, cpu.flops, cpu.usd_per_hour) > 0


def test_an_unknown_target_names_the_nearest() -> None:
    with pytest.raises(DiagnosticError) as caught:
        find_target("h10")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0901"
    assert "h100" in (diagnostic.help or "")


def test_the_table_is_importable_without_numpy() -> None:
    code = "import sys, infopt_compiler.targets, infopt_compiler.measure.settings; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_machine_that_cannot_be_probed_is_a_diagnostic(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(probing, "measure", lambda: probing.Probe(1.0, 2.0, 3.0))
    catalog._this_machine.cache_clear()
    with pytest.raises(DiagnosticError) as caught:
        find_target("cpu")
    assert caught.value.diagnostics[0].code == "E0911"
