"""junit.xml: one test case per bound, so that a CI system shows the budget as tests."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from infopt_compiler.report.values import bound_text, interval_text, limit_text, value_text

# What XML 1.0 cannot hold, escaped or not (section 2.2): a crashed pass's last words may have colours.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OUTCOME = {"missed": "failure", "inconclusive": "failure", "predicted": "skipped", "baseline": "skipped"}


def junit(report: dict[str, Any]) -> str:
    suite = ET.Element(
        "testsuite", name=report["recipe"], time=f"{report['seconds']:.3f}", timestamp=report["started"]
    )
    for bound in report["bounds"]:
        _case(suite, bound)
    for diagnostic in report["diagnostics"]:
        if diagnostic["severity"] == "error":
            case = ET.SubElement(suite, "testcase", classname=report["recipe"], name=diagnostic["code"])
            ET.SubElement(case, "error", message=diagnostic["message"])
    suite.set("tests", str(len(suite)))
    for name in ("failure", "error", "skipped"):
        suite.set(
            {"failure": "failures", "error": "errors"}.get(name, name),
            str(len(suite.findall(f"testcase/{name}"))),
        )
    text = _ILLEGAL.sub("�", ET.tostring(suite, encoding="unicode"))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + text + "\n"


def _case(suite: ET.Element, bound: dict[str, Any]) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=f"{suite.get('name')}.{bound['subject']}", name=bound_text(bound)
    )
    text = f"{value_text(bound, bound['value'])} [{interval_text(bound)}], limit {limit_text(bound)}"
    outcome = _OUTCOME.get(bound["verdict"])
    if outcome == "failure" and bound["severity"] == "warn":
        outcome = None  # a warning is reported, it fails nothing
    if outcome:
        ET.SubElement(case, outcome, message=f"{bound['verdict']}: {text}")
    ET.SubElement(case, "system-out").text = text
