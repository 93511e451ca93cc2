"""report.md: the build as a comment on a pull request."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.attributed import attributed
from infopt_compiler.report.tuned import HEAD, tuned_lines, tuned_rows
from infopt_compiler.report.values import (
    MARK,
    bound_labels,
    coverage_notes,
    interval_text,
    last_line,
    limit_text,
    margin_text,
    value_labels,
    value_text,
    worst_first,
)
from infopt_compiler.units import Dimension, human


def markdown(report: dict[str, Any], where: str) -> str:
    sections = [
        f"## `{report['recipe']}`: {report['verdict']}",
        last_line(report, where),
        _next(report),
        _bounds(report),
        "\n".join(f"- {escaped(note)}" for note in coverage_notes(report)),
        _passes(report),
        _tuning(report),
        _attribution(report),
        _measured(report),
        _provenance(report),
        _diagnostics(report),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _next(report: dict[str, Any]) -> str:
    """Why, what to do now, and the command; a message of a recipe or a library is no Markdown of ours."""
    told = report.get("next")
    if not told:
        return ""
    command = f"\n\n```\n{told['command']}\n```" if told["command"] else ""
    return f"{escaped(told['why'])}\n\n**Next:** {escaped(told['do'])}{command}"


def escaped(text: str) -> str:
    return text.replace("<", "&lt;")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def _bounds(report: dict[str, Any]) -> str:
    labels = dict(zip(map(id, report["bounds"]), bound_labels(report["bounds"]), strict=True))
    rows = [
        [
            MARK[b["verdict"]],
            f"`{b['subject']}`",
            f"`{labels[id(b)]}`",
            value_text(b, b["value"]),
            interval_text(b),
            limit_text(b),
            margin_text(b),
            _basis(b),
        ]
        for b in worst_first(report["bounds"])
    ]
    return (
        table(["verdict", "subject", "bound", "value", "interval", "limit", "margin", "covers"], rows)
        if rows
        else ""
    )


def _basis(bound: dict[str, Any]) -> str:
    if bound["basis"] == "predicted":
        return "predicted"
    return (
        f"{bound['samples']} samples, {bound['blocks']} blocks, {bound['confidence'] * 100:.5g}%"
        if bound["samples"]
        else "exact"
    )


def _passes(report: dict[str, Any]) -> str:
    rows = [
        [
            f"`{p['name']}`",
            p["pass"],
            "cached" if p["cached"] else f"{p['seconds']:.1f} s",
            human(p["peak_rss_bytes"] or 0, Dimension.bytes),
            f"`{(p['digest'] or '')[:12]}`",
        ]
        for p in report["passes"]
    ]
    return "### Passes\n\n" + table(["binding", "pass", "time", "peak RSS", "digest"], rows) if rows else ""


def _tuning(report: dict[str, Any]) -> str:
    lines = [f"- {line.replace('<', '&lt;')}" for line in tuned_lines(report)]
    return "### Tuning\n\n" + "\n".join(lines) + "\n\n" + table(HEAD, tuned_rows(report)) if lines else ""


def _attribution(report: dict[str, Any]) -> str:
    parts = [
        f"### What each pass did: `{title.removeprefix('attribution ')}`\n\n{table(head, rows)}\n\n{escaped(note)}"
        for title, head, rows, note in attributed(report)
    ]
    return "\n\n".join(parts)


def _measured(report: dict[str, Any]) -> str:
    parts = []
    for group in report["measured"]:
        named = zip(value_labels(group), group["values"], strict=True)
        rows = [[f"`{label}`", value_text(v, v["value"]), interval_text(v)] for label, v in named]
        title = f"### Measured: `{group['subject']}`" + (
            f" under `{group['scenario']}`" if group.get("scenario") else ""
        )
        parts.append(title + "\n\n" + table(["metric", "value", "interval"], rows))
    return "\n\n".join(parts)


def _provenance(report: dict[str, Any]) -> str:
    rows = [
        [key, f"`{value}`"]
        for key, value in {**report["machine"], **report["environment"]}.items()
        if isinstance(value, str | int | float)
    ]
    rows += [
        [f"artifact `{a['binding']}`", f"`{a['digest']}`, {human(a['size_bytes'], Dimension.bytes, 4)}"]
        for a in report["artifacts"]
    ]
    return (
        "<details><summary>Provenance</summary>\n\n" + table(["what", "value"], rows) + "\n\n</details>"
        if rows
        else ""
    )


def _diagnostics(report: dict[str, Any]) -> str:
    lines = [
        f"- **{d['severity']}[{d['code']}]** {d['message']}" + (f" (help: {d['help']})" if d["help"] else "")
        for d in report["diagnostics"]
    ]
    return "### Diagnostics\n\n" + "\n".join(lines) if lines else ""
