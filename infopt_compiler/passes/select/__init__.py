"""Chooses the model that serves from candidates."""

from infopt_compiler.passes.select.parameters import Prefer
from infopt_compiler.passes.select.select import Select

__all__ = ["Prefer", "Select"]
