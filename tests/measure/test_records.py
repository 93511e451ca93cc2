from __future__ import annotations

from infopt_compiler.measure.records import FreshRecords, MemoryRecords


def test_measuring_again_ignores_what_was_kept_and_replaces_it():
    kept = MemoryRecords()
    kept.put_record("a", {"value": 1})
    fresh = FreshRecords(kept)
    assert fresh.record("a") is None
    fresh.put_record("a", {"value": 2})
    assert fresh.record("a") == {"value": 2} == kept.record("a")
