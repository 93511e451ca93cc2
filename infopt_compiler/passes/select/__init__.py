"""Chooses the model that serves from candidates."""

from infopt_compiler.passes.select.select import Prefer, Select

__all__ = ["Prefer", "Select"]
