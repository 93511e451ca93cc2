"""What `tune` decided: a sentence for each binding, and every setting with what was tried."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Block, Cell, Section, Table, Text
from infopt_compiler.report.tuned import HEAD, tuned_lines, tuned_rows

_LEAD = "Less time than what was raced against, with the 95 % interval of paired blocks; what is not final is taken up by the next build."


def tuning(report: dict[str, Any]) -> Section:
    blocks: list[Block] = [Text(line) for line in tuned_lines(report)]
    if blocks:
        rows: list[list[Cell]] = [[*row] for row in tuned_rows(report)]
        blocks.append(Table(tuple(HEAD), rows, "Every setting, and what was tried", folded=True))
    return Section("tuning", "Tuning", _LEAD, blocks)
