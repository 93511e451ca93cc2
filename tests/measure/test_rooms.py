"""The folders of measure stay rooms: few files each, and few doors between files. Imports inside functions count."""

from __future__ import annotations

from collections import Counter

import grimp

ROOM = "infopt_compiler.measure"
MOST_FILES, MOST_ARROWS = 15, 88  # 177 in one drawer of 54 files before it had rooms


def test_rooms_are_small_and_doors_few() -> None:
    graph = grimp.build_graph("infopt_compiler", cache_dir=None)
    files = {name for name in graph.modules if name == ROOM or name.startswith(f"{ROOM}.")}
    folders = {name.rpartition(".")[0] for name in files}
    rooms = Counter(name.rpartition(".")[0] for name in files - folders)
    assert max(rooms.values()) <= MOST_FILES, rooms
    arrows = {name: graph.find_modules_directly_imported_by(name) & files for name in files}
    assert sum(map(len, arrows.values())) <= MOST_ARROWS
