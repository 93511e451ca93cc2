"""Answers to tasks: the documents that a reference answers better."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Block, Quote, Table


def task_blocks(group: dict[str, Any]) -> list[Block]:
    """What was asked by whom, and what was lost, with the end of the question."""
    found: dict[str, Any] = group.get("tasks") or {}
    if not found:
        return []
    rows: list[list[Any]] = [
        [name, str(task["documents"]), task["versions"].get("lm-eval", "–")] for name, task in found.items()
    ]
    blocks: list[Block] = [Table(("task", "documents", "lm-eval"), rows, "Tasks that the artifact answered")]
    for name, task in found.items():
        blocks += [
            Quote(f"{name}, document {one['document']}", f"{reference} answers it better", one["excerpt"])
            for reference, lost in task["lost"].items()
            for one in lost
        ]
    return blocks
