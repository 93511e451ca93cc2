from __future__ import annotations

import json
from pathlib import Path

from infopt_compiler.artifacts.model_spec import NOTE, Served


def test_the_settings_that_tune_wrote_are_read(tmp_path: Path) -> None:
    assert Served.from_folder(tmp_path) is None
    settings = {"threads": 2, "accuracy_level": 4, "head_accuracy_level": 0, "prune_head": True}
    (tmp_path / NOTE).write_text(json.dumps({"tune": {"settings": settings}}), "utf-8")
    assert Served.from_folder(tmp_path) == Served(2, 4, 0, True)


def test_a_note_of_something_else_says_nothing(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text('{"tune": []}', "utf-8")
    assert Served.from_folder(tmp_path) is None
