"""What `distill` did for an encoder: the curve, both texts, and whether the teacher gave more than the text alone."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Badge, Table

_TEXTS = {"heldout": "held-out text", "other": "text of another kind"}
_NAMES = {"distilled": "distilled", "control": "control (text alone)", "untrained": "not trained"}
_COLUMNS = ("cosine_mean", "cosine_p1", "ranking", "companions")


def encoder_verdicts(name: str, found: dict[str, Any]) -> list[str]:
    """A sentence for each text. Only `companions` knows no teacher, so it alone decides."""
    sentences = []
    for text, values in found["quality"].items():
        gain = values.get("gain_over_control")
        if gain is None:
            continue
        gain = gain["companions"]
        low, high = gain["interval"]
        said = (
            "beat its control" if values["beats_control"] else "did not beat its control beyond the interval"
        )
        sentences.append(
            f"{name} {said} on the {_TEXTS.get(text, text)}: {gain['mean']:+.3f} more sentences whose nearest one is of "
            f"the same document ({low:.3f} … {high:.3f})."
        )
    return sentences


def encoder_quality(name: str, quality: dict[str, Any]) -> Table:
    """Teacher, student, control and untrained student on both texts."""
    rows: list[list[str | Badge]] = []
    for text, values in quality.items():
        where = _TEXTS.get(text, text)
        rows.append([f"teacher, {where}", "1", "1", "100%", f"{values['teacher']['companions']:.1%}"])
        for label, student in values["students"].items():
            mean, p1, ranking, companions = (student[column] for column in _COLUMNS)
            rows.append(
                [f"{_NAMES.get(label, label)}, {where}", f"{mean:.4f}", f"{p1:.4f}", f"{ranking:.1%}", f"{companions:.1%}"]
            )  # fmt: skip
    head = (f"{name} and", "cosine, mean", "cosine, p1", "ranking", "companions")
    return Table(
        head, rows, "Against the teacher's vectors; companions: the nearest sentence is of the same document"
    )
