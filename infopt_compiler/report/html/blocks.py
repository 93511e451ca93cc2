"""What a section of the page is made of; `templates/page.html` turns each kind into markup and escapes every text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True)
class Badge:
    """A word with the colour and symbol of a verdict: met, missed, inconclusive, predicted, baseline, failed, or plain."""

    kind: str
    text: str


Cell = str | Badge


@dataclass(frozen=True)
class Table:
    """The first cell of a row names it. `folded`: behind a summary that says `caption`. `half`: facts that stand side by side."""

    head: tuple[str, ...]
    rows: list[list[Cell]]
    caption: str
    folded: bool = False
    half: bool = False
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Figure:
    """A drawing: a Vega-Lite spec for a wide page and one for a phone (`narrow` None: the wide one is small enough).

    `text` says in words what there is to see, `more` the values, for who does not see the drawing.
    """

    title: str
    text: str
    wide: Spec
    narrow: Spec | None = None
    half: bool = False  # two of them side by side on a wide page
    more: str = ""
    kind: str = field(default="figure", init=False)


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Quote:
    """An excerpt with what is known of it; one that is not `open` shows its title and facts only."""

    title: str
    facts: str
    text: str
    open: bool = False
    kind: str = field(default="quote", init=False)


Block = Table | Figure | Text | Quote


@dataclass(frozen=True)
class Section:
    """A heading with its blocks; `key` is its anchor. One without blocks is left out."""

    key: str
    title: str
    lead: str
    blocks: list[Block]
