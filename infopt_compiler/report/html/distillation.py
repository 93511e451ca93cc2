"""What each `distill` did: curves of student and control, both texts, what was kept and what it cost."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Badge, Block, Figure, Section, Spec, Table, Text
from infopt_compiler.report.html.encoder_distillation import encoder_quality, encoder_verdicts
from infopt_compiler.report.html.theme import NARROW, WIDE, series
from infopt_compiler.units import Dimension, human

_TEXTS = {"heldout": "held-out text", "other": "text of another kind"}
_CURVES = (
    ("kl", "KL to the teacher (nats per token)"),
    ("nll", "NLL of the text (nats per token)"),
    ("cosine", "cosine to the teacher"),
)
_NAMES = {"distilled": "distilled", "control": "control (text alone)", "untrained": "not trained"}


def distillation(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for row in report["passes"]:
        found = (row.get("facts") or {}).get("distillation")
        if found and found.get("training"):
            blocks += _run(row["name"], found)
    lead = (
        "The student learns from its teacher, the control the same tokens from the text alone. Only what knows no teacher "
        "can say on text that neither saw whether the teacher was worth it: NLL, or an encoder's nearest sentences."
    )
    return Section("distillation", "Distillation", lead, blocks)


def _run(name: str, found: dict[str, Any]) -> list[Block]:
    points = _points(found["training"])
    encoder = found.get("kind") == "encoder"
    said = encoder_verdicts(name, found) if encoder else verdicts(name, found)
    blocks: list[Block] = [Text(sentence) for sentence in said]
    for field, title in _CURVES:
        rows = [point for point in points if point["what"] == field]
        if rows:
            blocks.append(_figure(name, title, rows))
    if found.get("quality"):
        blocks.append((encoder_quality if encoder else _quality)(name, found["quality"]))
    return [*blocks, _cost(name, found)]


def verdicts(name: str, found: dict[str, Any]) -> list[str]:
    """A sentence for each text: whether the student beat its control beyond the interval."""
    sentences = []
    for text, values in (found.get("quality") or {}).items():
        gain = values["gain"]
        low, high = gain["interval"] or (None, None)
        if gain["value"] is None or low is None:
            continue
        said = (
            "beat its control" if values["beats_control"] else "did not beat its control beyond the interval"
        )
        sentences.append(
            f"{name} {said} on the {_TEXTS.get(text, text)}: {gain['value']:+.4g} nats a token ({low:.4g} … {high:.4g})."
        )
    return sentences


def _points(training: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for label, facts in training.items():
        per_step = facts["tokens"] / max(1, facts["steps"])
        for row in facts["history"]:
            tokens = row["step"] * per_step
            rows += [
                {"subject": _NAMES.get(label, label), "tokens": tokens / 1000, "what": what, "value": row[what],
                 "tip": f"{_NAMES.get(label, label)}, {tokens:,.0f} tokens: {row[what]:.4g}"}
                for what, _ in _CURVES
                if what in row
            ]  # fmt: skip
    return rows


def _figure(name: str, title: str, rows: list[dict[str, Any]]) -> Figure:
    ends = {row["subject"]: row["value"] for row in rows}
    text = "; ".join(f"{subject} ends at {value:.3g}" for subject, value in ends.items())
    wide, narrow = (_spec(rows, title, width) for width in (WIDE, NARROW))
    return Figure(f"{title.partition(' (')[0]} while {name} learns, on text kept apart", text, wide, narrow)


def _spec(rows: list[dict[str, Any]], title: str, width: int) -> Spec:
    names = list(dict.fromkeys(row["subject"] for row in rows))
    x = {"field": "tokens", "type": "quantitative",
         "axis": {"title": "tokens trained on (thousands)", "tickCount": 6}}  # fmt: skip
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": title, "tickCount": 5},
    }
    color = series(names)
    line = {"mark": {"type": "line"}, "encoding": {"x": x, "y": y, "color": color}}
    point = {"mark": {"type": "point", "size": 30}, "encoding": {"x": x, "y": y, "color": color, "description": {"field": "tip"}}}  # fmt: skip
    return {
        "width": width,
        "height": 240,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "layer": [line, point],
    }


def _quality(name: str, quality: dict[str, Any]) -> Table:
    rows: list[list[str | Badge]] = []
    for text, values in quality.items():
        teacher = values["teacher"]
        rows.append([f"teacher, {_TEXTS.get(text, text)}", f"{teacher['nll']:.4g}", f"{teacher['perplexity']:.4g}", "0", "100%", "100%", "100%"])  # fmt: skip
        for label, student in values["students"].items():
            kept = student["retention"]
            mean, worst = (kept[key]["value"] for key in ("mean", "worst"))
            rows.append(
                [f"{_NAMES.get(label, label)}, {_TEXTS.get(text, text)}", f"{student['nll']:.4g}", f"{student['perplexity']:.4g}",
                 f"{student['kl']:.4g}", f"{student['top1']:.1%}", f"{mean:.1%}", f"{worst:.1%}"]
            )  # fmt: skip
    head = (f"{name} and", "NLL", "perplexity", "KL to the teacher", "same word", "kept, mean", "kept, worst")
    return Table(head, rows, "Teacher, student, control and untrained student, over the whole vocabulary")


def _cost(name: str, found: dict[str, Any]) -> Table:
    reduction, trained = found["reduction"], found["training"]["distilled"]
    rows: list[list[str | Badge]] = []
    for key, label in (("parameters", "parameters"), ("flops_per_token", "operations per token")):
        one = reduction[key]
        rows.append([label, f"{one['teacher'] / 1e6:.4g} M", f"{one['student'] / 1e6:.4g} M", f"{one['student'] / one['teacher']:.1%}"])  # fmt: skip
    if "forward_seconds" in reduction:
        one = reduction["forward_seconds"]
        times = [human(one[key], Dimension.time) for key in ("teacher", "student")]
        rows.append(["forward of a window", *times, f"{reduction['faster']:.3g} times as fast"])
    spent = human(found["training"]["distilled"].get("seconds", 0.0), Dimension.time)
    rows.append(["trained on", "–", f"{trained['tokens']:,} tokens", f"{trained['epochs']:.3g} epochs of {found['text_tokens']:,} tokens, {spent}"])  # fmt: skip
    return Table(
        (f"{name}, cost", "teacher", "student", ""),
        rows,
        "What became smaller, and what that took",
        half=True,
    )
