"""The embedding process: `python -m infopt_compiler.runtimes.embed RUNTIME FOLDER OUT` reads a JSON list of texts, writes OUT.npy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_BATCH = 32  # texts of about one length, so that little of a batch is padding


def embed(runtime: str, folder: Path, texts: list[str], out: Path) -> None:
    """Float32 (texts, hidden) of the folder's encoder, in the order of the texts."""
    import numpy as np

    from infopt_compiler.runtimes.registry import find_runtime

    server = find_runtime(runtime).opener()(folder)
    order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
    rows: dict[int, np.ndarray] = {}
    for first in range(0, len(order), _BATCH):
        chosen = order[first : first + _BATCH]
        vectors = server.forward(server.tokenize([texts[k] for k in chosen]))
        rows.update(zip(chosen, vectors, strict=True))
    np.save(out, np.stack([rows[k] for k in range(len(texts))]))


if __name__ == "__main__":
    embed(sys.argv[1], Path(sys.argv[2]), json.loads(sys.stdin.read()), Path(sys.argv[3]))
