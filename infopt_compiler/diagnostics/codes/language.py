"""E01xx syntax, E02xx names, E03xx types, units and ranges, E04xx artifacts, passes and budgets of a recipe."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo
from infopt_compiler.diagnostics.codes.meaning import MEANING
from infopt_compiler.diagnostics.codes.names import NAMES
from infopt_compiler.diagnostics.codes.syntax import SYNTAX
from infopt_compiler.diagnostics.codes.types import TYPES

LANGUAGE: tuple[CodeInfo, ...] = (*SYNTAX, *NAMES, *TYPES, *MEANING)
