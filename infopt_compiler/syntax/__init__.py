"""The text of recipes: its tree, parser, printer and overrides."""

from infopt_compiler.syntax.parser import parse_bound, parse_recipe

__all__ = ["parse_bound", "parse_recipe"]
