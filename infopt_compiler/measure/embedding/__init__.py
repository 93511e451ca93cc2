"""Vectors of sentences beside a reference's."""
