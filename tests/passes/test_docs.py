"""docs/passes.md says what the dataclasses say."""

from __future__ import annotations

from infopt_compiler.passes.registry import pass_names
from tests.passes.doc_tables import PAGE, named, with_tables


def test_every_pass_has_a_section_and_its_table_is_current():
    page = PAGE.read_text("utf-8")
    assert named(page) == pass_names()
    assert all(f"\n## {name}\n" in page for name in pass_names())
    assert with_tables(page) == page, "run `python -m tests.passes.doc_tables`"
