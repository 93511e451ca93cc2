"""Pictures of a report.html for this documentation: `python docs/screenshots.py REPORT.html NAME` writes docs/images/NAME-*.png.

The page is opened from disk in the Chromium that is installed: a picture of each section, of the whole page light and dark, and
on a phone. Fails if the page says anything on the console or scrolls sideways.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
WIDE, PHONE = 1200, 390  # px
_SECTION_HEIGHT = 1500  # px of a section that a picture shows
_PAGE_HEIGHT = 2600


def main(report: Path, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = _open(browser, report, WIDE, "light")
        for section in page.query_selector_all("section"):
            box = section.bounding_box()
            assert box is not None
            clip = {**box, "x": 0, "width": WIDE, "height": min(box["height"], _SECTION_HEIGHT)}
            page.screenshot(
                path=IMAGES / f"{name}-{section.get_attribute('id')}.png", clip=clip, full_page=True
            )  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            _whole(_open(browser, report, WIDE, scheme), WIDE, IMAGES / f"{name}-{scheme}.png")
        _whole(_open(browser, report, PHONE, "light"), PHONE, IMAGES / f"{name}-phone.png")
        browser.close()


def _open(browser: Browser, report: Path, width: int, scheme: str) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda one: said.append(one.url) if not one.url.startswith("file:") else None)
    page.goto(report.resolve().as_uri())
    if said:
        raise SystemExit(f"{report} says on the console or fetches: {said}")
    if page.evaluate("document.documentElement.scrollWidth") > width:
        raise SystemExit(f"{report} scrolls sideways at {width} px")
    return page


def _whole(page: Page, width: int, path: Path) -> None:
    height = min(_PAGE_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
