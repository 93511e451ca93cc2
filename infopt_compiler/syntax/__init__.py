"""The text of recipes: its tree, parser, printer and overrides."""

from infopt_compiler.syntax.overrides import Operation, Override, parse_override
from infopt_compiler.syntax.parser import parse_bound, parse_recipe
from infopt_compiler.syntax.printer import format_bound, format_recipe, format_value

__all__ = [
    "Operation",
    "Override",
    "format_bound",
    "format_recipe",
    "format_value",
    "parse_bound",
    "parse_override",
    "parse_recipe",
]
