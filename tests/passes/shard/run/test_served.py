"""Ranks that are measured: what they took counts as the measurement's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infopt_compiler.runtimes.ranks.serve import ShardProgram


@pytest.mark.slow
def test_the_time_of_ranks_is_not_that_of_others(pair: Path) -> None:
    """Once they are waited for, the processor's time of two ranks, which import torch, is their parent's."""
    before = os.times()
    program = ShardProgram(pair)
    tokens = list(program.ask({"ids": [1, 2, 3], "tokens": 2, "reserve": 8}))
    assert [line["event"] for line in tokens] == ["token", "token", "done"]
    during = os.times()
    program.close()
    after = os.times()
    assert during.children_user == before.children_user
    assert after.children_user - before.children_user > 1.0
    program.close()  # again does nothing
