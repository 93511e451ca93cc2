"""How the files of an artifact lie. A kind lists its layouts; a runtime says which of them it opens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from infopt_compiler.architectures import Purpose, family_of


@dataclass(frozen=True)
class Layout:
    """`name` says what it is (`a float decoder`); `file` is there in every folder of this layout and tells it from the
    others of its kind; where two have the same file, `purpose` is what the config.json beside it says of the model."""

    name: str
    file: str
    purpose: Purpose | None = None

    def fits(self, folder: Path) -> bool:
        """Whether the folder lies so."""
        if not (folder / self.file).is_file():
            return False
        return self.purpose is None or purpose_of(folder) is self.purpose


def purpose_of(folder: Path) -> Purpose:
    """What the model of a Hugging Face folder is for."""
    return family_of(json.loads((folder / "config.json").read_text("utf-8"))).purpose


FLOAT_DECODER = Layout("a float decoder", "config.json", Purpose.generate)
FLOAT_ENCODER = Layout("a float encoder", "config.json", Purpose.embed)
INTEGER_DECODER = Layout("a decoder with integer weights", "config.json", Purpose.generate)
INTEGER_ENCODER = Layout("an encoder with integer weights", "config.json", Purpose.embed)
SHARDS = Layout("a sharded decoder", "shards.json")
ONNX_DECODER = Layout("a decoder graph with its cache", "genai_config.json")
ONNX_ENCODER = Layout("an encoder graph", "model.onnx")
ONNX_STAGES = Layout("pipeline stages", "stages.json")
