"""junit.xml: one test case per bound, so that a CI system shows the budget as tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from infopt_compiler.report.values import bound_labels, interval_text, limit_text, value_text

# What XML 1.0 cannot hold, escaped or not (section 2.2): a crashed pass's last words may have colours.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OUTCOME = {"missed": "failure", "inconclusive": "failure", "predicted": "skipped", "baseline": "skipped"}


def junit(report: dict[str, Any]) -> str:
    return _text(_suite(report))


def sweep_junit(reports: Mapping[str, dict[str, Any] | None]) -> str:
    """One suite for each job of a sweep by its name; a job without a report is an error."""
    root = ET.Element("testsuites")
    for name, report in reports.items():
        if report is not None:
            suite = _suite(report)
            suite.set("name", name)
            root.append(suite)
            continue
        suite = ET.SubElement(root, "testsuite", name=name)
        case = ET.SubElement(suite, "testcase", classname=name, name="report")
        ET.SubElement(case, "error", message="the job left no report")
        _count(suite)
    return _text(root)


def _suite(report: dict[str, Any]) -> ET.Element:
    suite = ET.Element(
        "testsuite", name=report["recipe"], time=f"{report['seconds']:.3f}", timestamp=report["started"]
    )
    for bound, label in zip(report["bounds"], bound_labels(report["bounds"]), strict=True):
        _case(suite, bound, label)
    for diagnostic in report["diagnostics"]:
        if diagnostic["severity"] == "error":
            names = {"classname": report["recipe"], "name": diagnostic["code"]}
            case = ET.SubElement(suite, "testcase", names | _place(diagnostic))
            ET.SubElement(case, "error", message=diagnostic["message"])
    _count(suite)
    return suite


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite)))
    for name, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(len(suite.findall(f"testcase/{name}"))))


def _text(root: ET.Element) -> str:
    text = _ILLEGAL.sub("�", ET.tostring(root, encoding="unicode"))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + text + "\n"


def _place(found: dict[str, Any]) -> dict[str, str]:
    """`file` and `line` of where a bound or a diagnostic stands, as pytest writes them."""
    span = found.get("span")
    return {"file": span["file"], "line": str(span["line"])} if span else {}


def _case(suite: ET.Element, bound: dict[str, Any], label: str) -> None:
    classname = f"{suite.get('name')}.{bound.get('budget') or bound['subject']}"
    case = ET.SubElement(suite, "testcase", {"classname": classname, "name": label} | _place(bound))
    text = f"{value_text(bound, bound['value'])} [{interval_text(bound)}], limit {limit_text(bound)}"
    outcome = _OUTCOME.get(bound["verdict"])
    if outcome == "failure" and bound["severity"] == "warn":
        outcome = None  # a warning is reported, it fails nothing
    if outcome:
        ET.SubElement(case, outcome, message=f"{bound['verdict']}: {text}")
    ET.SubElement(case, "system-out").text = text
