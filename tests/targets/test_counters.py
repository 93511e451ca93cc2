"""Counters of the machine: what a container's quota is told as."""

from __future__ import annotations

from pathlib import Path

import pytest

from infopt_compiler.targets import counters, machine

_STAT = "usage_usec 10\nnr_periods 40\nnr_throttled {}\nthrottled_usec 5\n"


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the control group; what is written there is what the system shows."""
    (tmp_path / "cpu").mkdir()
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(counters, "_CPU_STATS", (tmp_path / "cpu.stat", tmp_path / "cpu" / "cpu.stat"))
    return tmp_path


def test_periods_in_which_the_quota_was_used_up_are_counted_in_both_versions(group: Path) -> None:
    assert counters.read_counters().throttled is None
    (group / "cpu" / "cpu.stat").write_text(_STAT.format(3))
    assert counters.read_counters().throttled == 3
    (group / "cpu.stat").write_text(_STAT.format(7))
    assert counters.read_counters().throttled == 7


def test_a_group_without_a_quota_counts_nothing(group: Path) -> None:
    (group / "cpu.stat").write_text("usage_usec 10\nuser_usec 4\n")
    assert counters.read_counters().throttled is None


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_the_quota_is_part_of_the_machine_that_was_given(group: Path, files, cores) -> None:
    for name, text in files.items():
        (group / name).write_text(text)
    machine.machine_identity.cache_clear()
    assert machine.machine_identity()["cpu_quota"] == cores
    machine.machine_identity.cache_clear()
