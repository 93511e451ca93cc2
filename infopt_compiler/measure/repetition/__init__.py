"""Greedy continuations that say the same again."""
