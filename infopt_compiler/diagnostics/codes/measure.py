"""E09xx targets, measuring and judging."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

MEASURE: tuple[CodeInfo, ...] = ()
