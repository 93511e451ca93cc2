"""report.html: whole, escaped, and opened from disk in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from infopt_compiler.report.html import html, provenance, verdict
from infopt_compiler.report.html.roofline import roofline
from tests.report.conftest import bound

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)")
HOSTILE = "<script>alert(1)</script>"


def test_every_bound_and_the_verdict_are_there(report):
    page = html(report)
    assert report["verdict"] in page
    assert all(bound["metric"] in page for bound in report["bounds"])


def test_nothing_is_fetched_and_nothing_runs(report):
    page = html(report)
    assert "<script" not in page and "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)


def test_everything_is_escaped(report):
    report["recipe"] = HOSTILE
    report["bounds"][0]["note"] = HOSTILE
    windows = [
        {"text": HOSTILE, "excerpt": HOSTILE, "document": HOSTILE, "start": 0, "tokens": 4, "nll": 9.0}
    ]
    report["measured"][0]["worst_windows"] = {HOSTILE: windows}
    page = html(report)
    assert HOSTILE not in page and "&lt;script&gt;" in page


_WORDS = (
    "metric",
    "metrics",
    "operator",
    "verdict",
    "severity",
    "basis",
    "phase",
    "quantity",
    "what",
    "schema_version",
)


def _hostile(value: Any, key: str = "") -> Any:
    """Every text of a report with a script in it, except the words that only this program writes."""
    if isinstance(value, dict):
        return {k: _hostile(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_hostile(v, key) for v in value]
    return value + HOSTILE if isinstance(value, str) and key not in _WORDS else value


def test_a_script_in_any_text_is_text(whole):
    page = html(_hostile(whole))
    assert "<script" not in page and "could not be drawn" not in page
    assert page.count("&lt;script&gt;") > 50


def test_every_part_of_a_whole_report_is_on_the_page(whole):
    jsonschema.validate(
        whole, json.loads((files("infopt_compiler.report") / "schema.json").read_text("utf-8"))
    )
    page = html(whole)
    parts = ("diagnostics", "budget", "latency", "timeline", "memory", "quality", "roofline", "layers", "attribution", "passes", "predictions", "provenance")  # fmt: skip
    assert [key for key in parts if f'<section id="{key}"' not in page] == []
    assert "could not be drawn" not in page
    for words in ("code degrades more than heldout", "a window&#39;s text", "upon a time", "there was", "Which &lt;one&gt;?", "KV cache of chat by context"):  # fmt: skip
        assert words in page or words in page.replace("&#34;", '"'), words


def test_the_page_reads_with_a_keyboard_and_a_screen_reader(whole):
    page = html(whole)
    root = ET.fromstring(re.sub(r"(?s)^.*?(<body>.*</body>).*$", r"\1", page).replace(" open>", ">"))
    assert root[0].get("href") == "#main" and root.find(".//main").get("tabindex") == "-1"
    scrolls = [e for e in root.iter() if (e.get("class") or "").startswith("scroll")]
    assert scrolls and all(e.get("tabindex") == "0" and e.get("aria-label") for e in scrolls)
    assert all(table.find("caption") is not None for table in root.iter("table"))
    drawn = [e for e in root.iter() if e.tag.endswith("svg")]
    assert drawn and all(e.get("role") == "img" and len(e.get("aria-label")) > 20 for e in drawn)
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    heads = [e.tag for e in root.iter() if e.tag in ("h1", "h2", "h3")]
    assert heads[0] == "h1" and heads.count("h1") == 1


def test_an_earlier_report_without_the_newer_parts_is_drawn(report):
    for key in ("layers", "attribution", "predictions", "last"):
        report.pop(key, None)
    report["measured"] = []
    assert report["verdict"] in html(report)


def _shot(page: Path, name: str, *words: str) -> tuple[bytes, str]:
    picture = page.with_name(name)
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        *words,
    ]
    done = subprocess.run(
        [*command, f"--screenshot={picture}", page.as_uri()], capture_output=True, text=True, timeout=90
    )
    return picture.read_bytes(), done.stderr


@browser
def test_a_browser_opens_it_without_a_word_light_and_dark(whole, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(html(whole), "utf-8")
    light, said = _shot(page, "light.png", "--window-size=390,900")
    dark, _ = _shot(page, "dark.png", "--window-size=390,900", "--blink-settings=preferredColorScheme=0")
    assert "CONSOLE" not in said and "Refused to" not in said
    assert len(light) > 10_000 and light != dark


def test_a_lower_bound_whose_interval_begins_at_zero_is_drawn_to_the_edge():
    row = verdict._position(
        bound(metric="generation", operator=">=", limit=0.05, value=0.1, interval=[0.0, 0.2]), "generation"
    )
    assert row is not None and (row["low"], row["value"], row["high"]) == (0.25, 0.5, verdict._MOST)
    assert verdict._position(bound(value=None, interval=[None, None]), "") is None


def test_notes_of_bounds_stand_below_their_table(report):
    report["bounds"][0]["note"] = "few processes"
    kinds = [(block.kind, getattr(block, "text", "")) for block in verdict.budget(report).blocks]
    assert kinds[-1] == ("text", "ttft.p95: few processes")
    assert ("table", "") in kinds


def test_flat_roofs_are_those_of_points_beyond_the_slope(whole):
    (group,) = (group for group in whole["measured"] if group.get("roofline"))
    far, near = group["roofline"]["points"]
    near["peak"] = 5e11
    figure = next(block for block in roofline(whole).blocks if block.kind == "figure")
    roofs = {row["peak"] for row in figure.wide["layer"][0]["data"]["values"]}
    assert roofs == {group["roofline"]["flops"], far["peak"]}


def test_shares_of_a_rate_are_no_rates():
    facts = {
        "bandwidth": 27.4e9,
        "efficiency": {"bandwidth": 0.33, "batch_sizes": [], "flops": 0.5},
        "here": True,
    }
    (table,) = provenance._facts("Target", facts)
    assert table.rows == [
        ["bandwidth", "27.4 GB/s"],
        ["efficiency", "bandwidth 0.33, flops 0.5"],
        ["here", "yes"],
    ]
