"""Where the numbers come from: machine and its state, versions, digests, places in the recipe; and what went wrong."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Badge, Block, Section, Table
from infopt_compiler.report.html.scale import size
from infopt_compiler.report.values import bound_labels

_BYTES = ("memory_bytes", "cache_bytes", "runtime_bytes")
_NOTHING: tuple[Any, ...] = (None, "", [], {})
_RATES = {"bandwidth": "GB/s", "flops": "GFLOP/s"}


def provenance(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    blocks += _facts("Machine that measured", report["machine"])
    blocks += _facts("Target of the budget", report["target"])
    for group in report["measured"]:
        name = group.get("budget") or group["subject"]
        state = group.get("machine_state") or {}
        blocks += _facts(
            f"Machine's state while measuring {name}", {k: v for k, v in state.items() if k != "notes"}
        )
    blocks += _facts("Versions", report["environment"])
    for group in report["measured"]:
        name = group.get("scenario") or group["subject"]
        blocks += _facts(f"Scenario {name}", group.get("scenario_settings") or {}, folded=True)
    artifacts: list[list[Any]] = [
        [a["binding"], a["path"], size(a["size_bytes"]), a["digest"]] for a in report["artifacts"]
    ]
    if artifacts:
        blocks.append(Table(("artifact", "path", "size", "digest"), artifacts, "What ships"))
    digests: list[list[Any]] = [[p["name"], p["pass"], p["digest"] or "–"] for p in report["passes"]]
    if digests:
        blocks.append(Table(("step", "pass", "digest"), digests, "Digests of every step", folded=True))
    named = zip(bound_labels(report["bounds"]), report["bounds"], strict=True)
    spans: list[list[Any]] = [[label, place(b["span"])] for label, b in named if b.get("span")]
    if spans:
        blocks.append(Table(("bound", "place in the recipe"), spans, "Where each bound stands", folded=True))
    sources: list[list[Any]] = [
        [s["name"], s["source"]] for s in (report.get("graph") or {}).get("steps") or [] if s.get("source")
    ]
    if sources:
        blocks.append(Table(("binding", "source"), sources, "Sources"))
    lead = f"Built {report['started']}" + (
        f" with {' '.join(report['overrides'])}" if report["overrides"] else ""
    )
    return Section("provenance", "Provenance", lead, blocks)


def diagnostics(report: dict[str, Any]) -> Section:
    rows: list[list[Any]] = [
        [
            Badge("missed" if d["severity"] == "error" else "inconclusive", f"{d['severity']} {d['code']}"),
            d["message"],
            place(d["span"]) if d.get("span") else "–",
            d.get("help") or "–",
        ]
        for d in report.get("diagnostics", [])
    ]
    table = Table(("what", "message", "place", "help"), rows, "Errors and warnings of this build")
    return Section("diagnostics", "Diagnostics", "", [table] if rows else [])


def place(span: dict[str, Any]) -> str:
    return f"{span['file']}:{span['line']}:{span['column']}"


def _facts(caption: str, facts: dict[str, Any], *, folded: bool = False) -> list[Block]:
    rows: list[list[Any]] = [
        [key.removesuffix("_bytes").replace("_", " "), _fact(key, value)]
        for key, value in facts.items()
        if value not in _NOTHING
    ]
    return [Table(("what", "value"), rows, caption, folded, half=not folded)] if rows else []


def _fact(key: str, value: Any) -> str:
    if key in _BYTES:
        return size(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in _RATES and value > 1:  # below, it is the share that is reached of one
        return f"{value / 1e9:.4g} {_RATES[key]}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_fact("", item) for item in value)
    if isinstance(value, dict):
        return ", ".join(
            f"{inner} {_fact(inner, item)}" for inner, item in value.items() if item not in _NOTHING
        )
    return str(value)
