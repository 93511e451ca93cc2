"""Slices of a text: shares of its characters that snap to documents."""

from __future__ import annotations

from infopt_compiler.artifacts import Document
from infopt_compiler.artifacts.text import SEPARATOR


def slice_documents(documents: list[Document], start: float, stop: float) -> list[Document]:
    """The documents that start in [start, stop) of the characters of the joined text (fractions from 0 to 1).

    A document belongs to the one slice in which it starts, whole; so adjacent slices share none and lose none.
    """
    total = sum(len(document.text) for document in documents) + len(SEPARATOR) * (len(documents) - 1)
    chosen, at = [], 0
    for document in documents:
        if start * total <= at and (at < stop * total or stop >= 1.0):
            chosen.append(document)
        at += len(document.text) + len(SEPARATOR)
    return chosen
