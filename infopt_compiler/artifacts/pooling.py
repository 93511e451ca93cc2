"""How an encoder's token vectors become one vector for a text: from the files of sentence-transformers, or pooling.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "pooling.json"


@dataclass(frozen=True)
class Pooling:
    """`mode` is `mean` (over the tokens that are no padding) or `cls` (the first one); `normalize`: to length 1."""

    mode: str = "mean"
    normalize: bool = True


def read_pooling(folder: Path) -> Pooling:
    """What the folder says; without a word of it the mean, normalised. ValueError for another way of pooling."""
    own = folder / FILE
    if own.is_file():
        return Pooling(**json.loads(own.read_text("utf-8")))
    found = sorted(folder.glob("*_Pooling/config.json"))
    modules = folder / "modules.json"
    normalize = "Normalize" in modules.read_text("utf-8") if modules.is_file() else True
    if not found:
        return Pooling("mean", normalize)
    said = json.loads(found[0].read_text("utf-8"))
    chosen = [name for name, on in said.items() if name.startswith("pooling_mode_") and on is True]
    modes = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    if len(chosen) != 1 or chosen[0] not in modes:
        raise ValueError(f"pools by {', '.join(chosen) or 'nothing'}; known are the mean and the first token")
    return Pooling(modes[chosen[0]], normalize)


def write_pooling(folder: Path, pooling: Pooling) -> None:
    (folder / FILE).write_text(json.dumps(asdict(pooling), indent=2) + "\n", "utf-8")
