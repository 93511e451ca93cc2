"""E06xx sources and the store."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

SOURCES: tuple[CodeInfo, ...] = ()
