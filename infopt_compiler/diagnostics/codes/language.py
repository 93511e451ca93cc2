"""E01xx syntax, E02xx names, E03xx types, units and ranges, E04xx artifacts, passes and budgets of a recipe."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

LANGUAGE: tuple[CodeInfo, ...] = ()
