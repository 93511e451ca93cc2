"""A kind of artifact: what it is called, which files it has, and that it ships."""

from __future__ import annotations

from dataclasses import dataclass

from infopt_compiler.artifacts.handles import Artifact
from infopt_compiler.artifacts.layouts import Layout

FILE = "model.tar"
PACKED = Layout("a decoder in one file", FILE)


@dataclass(frozen=True)
class PackedModel(Artifact):
    """A Hugging Face folder of a decoder as one file, with tokenizer.json beside it."""

    kind = "PackedModel"
    layouts = (PACKED,)
    ships = True
