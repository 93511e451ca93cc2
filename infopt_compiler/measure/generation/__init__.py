"""Greedy continuations beside a reference's."""
