"""report.html: whole, escaped, and opened from disk in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infopt_compiler.report.html import html

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
def test_a_browser_opens_it_without_a_word_light_and_dark(report, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(html(report), "utf-8")
    light, said = _shot(page, "light.png", "--window-size=390,900")
    dark, _ = _shot(page, "dark.png", "--window-size=390,900", "--blink-settings=preferredColorScheme=0")
    assert "CONSOLE" not in said and "Refused to" not in said
    assert len(light) > 10_000 and light != dark
