"""The table of habits: what people write by habit of other languages, and the line as it is written here.

A row is a pattern for the text around the place where the parser fails, with its strings emptied. The tests check each
example against the same table: one mistake, at `at`, with that help.
"""

from infopt_compiler.syntax.habits.find import HABITS, find_habit

__all__ = ["HABITS", "find_habit"]
