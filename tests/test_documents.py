"""A file of the repository mentions no document that the repository does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("infopt_compiler", "tests", "benchmarks", "docs", "recipes", "grammar", "outputs")
SUFFIXES = (".py", ".md", ".opt", ".lark", ".toml", ".html", ".css", ".txt")
DOCUMENT = re.compile(r"(?<![\w./$-])((?:\.\./|\./)?[\w-]+(?:/[\w-]+)*\.md)\b")
LINK = re.compile(r"\]\(([^)#\s]+?)(?:#[^)]*)?\)")
CAPITALS = re.compile(r"\b(?:DESIGN|LAB|STYLE|FIELD)(?:\.md\b|:|'s\b| says\b)|\bof (?:DESIGN|LAB|STYLE)\b")
WRITTEN = {"report.md", "sweep.md", "summary.md"}  # by a build, for its user


def files() -> Iterator[Path]:
    yield from (file for file in ROOT.iterdir() if file.suffix in SUFFIXES or file.name == "Makefile")
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in SUFFIXES and file.is_file() and "outputs/" not in f"{file.relative_to(ROOT)}":
                yield file


def missing(file: Path, text: str) -> list[str]:
    """Documents and links of a text that are not there, and documents named by a word in capitals."""
    near = (file.parent, ROOT, ROOT / "docs")
    named = [name for name in DOCUMENT.findall(text) if Path(name).name not in WRITTEN]
    if file.suffix == ".py":  # a small name without a folder may be any file
        named = [name for name in named if "/" in name or name[0].isupper()]
    found = [name for name in named if not any((place / name).is_file() for place in near)]
    if file.suffix == ".md":
        links = [link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
        found += [link for link in links if not (file.parent / link).exists()]
    return found + CAPITALS.findall(text)


def test_every_document_that_is_mentioned_is_there() -> None:
    here = Path(__file__).resolve()
    wrong = {
        str(file.relative_to(ROOT)): missing(file, file.read_text("utf-8"))
        for file in files()
        if file.resolve() != here
    }
    assert {name: found for name, found in wrong.items() if found} == {}
    assert len(wrong) > 300


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see docs/absent.md", ["docs/absent.md"]),
        ("[a](docs/architecture.md#x) [b](nowhere/b.md) [c](https://x.org/c.md)", ["nowhere/b.md", "nowhere/b.md"]),
        ("# as the page says (DESIGN: metrics)", ["DESIGN:"]),
        ("see passes.md and report.md; NO_FIELD = 1", []),
    ],
)  # fmt: skip
def test_what_is_missing_is_seen(text: str, found: list[str]) -> None:
    assert missing(ROOT / "README.md", text) == found
