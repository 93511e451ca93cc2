"""Intervals from samples."""
