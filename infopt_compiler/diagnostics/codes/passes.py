"""E07xx passes."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

PASSES: tuple[CodeInfo, ...] = ()
