"""`lock`: writes `<recipe>.lock` beside the recipe."""

from __future__ import annotations

from infopt_compiler.cli.composed import composed
from infopt_compiler.cli.split import Command


def run(command: Command) -> int:
    from infopt_compiler.pipeline import lock

    return lock(composed(command))
