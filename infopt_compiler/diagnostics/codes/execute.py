"""E08xx execution."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

EXECUTE: tuple[CodeInfo, ...] = ()
