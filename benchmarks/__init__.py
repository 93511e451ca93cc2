"""Benchmarks: every figure in the docs comes from here. Not part of the package."""
