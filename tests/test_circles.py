"""No import circle between modules; imports inside functions and under `TYPE_CHECKING` count."""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

CIRCLE = {
    "a.py": "def f():\n    from circular import b\n",
    "b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from circular.a import f\n",
    "__init__.py": "",
}


def circle(package: str) -> list[str] | None:
    """Modules of one circle, the first of them again at the end; None where there is none."""
    graph = grimp.build_graph(package, cache_dir=None)
    arrows = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as found:
        return list(found.args[1])
    return None


def test_no_circle() -> None:
    assert circle("infopt_compiler") is None


def test_circles_inside_functions_and_under_type_checking_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "circular"
    folder.mkdir()
    for name, text in CIRCLE.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "circular" not in sys.modules
    assert set(circle("circular") or []) == {"circular.a", "circular.b"}
