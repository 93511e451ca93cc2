"""What the modules of this pass share: the chosen formats and how to reach them."""

from __future__ import annotations

from dataclasses import dataclass

from .folder import Formats
from .method import Method


@dataclass(frozen=True)
class Settings:
    """`formats` say what comes out, `method` how; tables that see single words are always rounded to nearest."""

    formats: Formats
    method: Method
    scale_search: bool = True
