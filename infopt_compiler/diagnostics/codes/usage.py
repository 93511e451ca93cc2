"""E05xx command line, overrides and configuration."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

USAGE: tuple[CodeInfo, ...] = ()
