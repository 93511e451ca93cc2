"""The scoring process: `python -m infopt_compiler.runtimes.score RUNTIME FOLDER SCRATCH` answers JSON lines with JSON lines.

One process for each model; logits go between them through files, a window at a time, so that no more than
one window's logits (tokens x vocabulary x 4 bytes) exist at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 8  # positions whose float64 distributions are held at once: they stay in the caches, which takes half the time


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Row by row, in float64."""
    import numpy as np

    wide = logits.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=-1, keepdims=True))
    return wide


def score(
    logits: NDArray[np.float32], ids: list[int], reference: NDArray[np.float32] | None
) -> dict[str, Any]:
    """`logits`: (T - 1, vocabulary), row t predicts `ids[t + 1]`. Summed NLL; with a reference, of each token KL and the change of
    its probability (`delta_p`), and equal argmaxes."""
    import os
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    targets = np.array(ids[1:])

    def part(first: int) -> dict[str, Any]:
        rows = slice(first, first + _ROWS)
        return _score_rows(logits[rows], targets[rows], None if reference is None else reference[rows])

    # Elementwise functions of numpy use one core each, and let go of the interpreter.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        parts = list(threads.map(part, range(0, len(targets), _ROWS)))
    nll = 0.0
    for found in parts:  # one after the other: sums come out alike whatever the number of threads
        nll += found["nll"]
    lists = {name: [value for found in parts for value in found[name]] for name in ("kl", "delta_p")}
    return {"nll": nll, **lists, "equal": sum(found["equal"] for found in parts)}


def _score_rows(
    logits: NDArray[np.float32], targets: NDArray[np.int64], reference: NDArray[np.float32] | None
) -> dict[str, Any]:
    import numpy as np

    log_q = log_softmax(logits)
    own = np.take_along_axis(log_q, targets[:, None], axis=-1)[:, 0]
    nll = -float(own.sum())
    if reference is None:
        return {"nll": nll, "kl": [], "equal": 0, "delta_p": []}
    log_p = log_softmax(reference)
    # Rounding can leave a tiny negative sum where the two agree.
    kl = np.maximum((np.exp(log_p) * (log_p - log_q)).sum(axis=-1), 0.0)
    equal = int((log_p.argmax(axis=-1) == log_q.argmax(axis=-1)).sum())
    other = np.take_along_axis(log_p, targets[:, None], axis=-1)[:, 0]
    return {"nll": nll, "kl": kl.tolist(), "equal": equal, "delta_p": (np.exp(own) - np.exp(other)).tolist()}


def answer(command: dict[str, Any], logits_of: Any) -> dict[str, Any]:
    """Score one window; `write`: leave the logits for others; `reference`: compare with those left there."""
    import numpy as np

    ids = command["ids"]
    logits = _known(logits_of(ids)[:-1], command["vocabulary"])
    if command.get("write"):
        np.save(command["write"], logits)
    reference = np.load(command["reference"], mmap_mode="r") if command.get("reference") else None
    return score(logits, ids, reference)


def continued(command: dict[str, Any], logits_of: Any) -> dict[str, Any]:
    """The log-likelihood of `continued` after `ids`, and whether it is what the model would have written."""
    import numpy as np

    given, then = command["ids"], command["continued"]
    logits = _known(logits_of([*given, *then])[len(given) - 1 : -1], command["vocabulary"])
    log_q, targets = log_softmax(logits), np.array(then)
    own = np.take_along_axis(log_q, targets[:, None], axis=-1)
    return {"log_likelihood": float(own.sum()), "greedy": bool((log_q.argmax(axis=-1) == targets).all())}


def favourites(command: dict[str, Any], logits_of: Any) -> list[int]:
    """The likeliest token after `ids`, and after each token of `followed` behind them: one forward says up to where the
    model would have written the same greedily."""
    given, then = command["ids"], command["followed"]
    found: list[int] = logits_of([*given, *then])[len(given) - 1 :].argmax(axis=-1).tolist()
    return found


def _known(logits: NDArray[np.float32], vocabulary: int) -> NDArray[np.float32]:
    """Without the entries that the tokenizer does not know."""
    if logits.shape[1] < vocabulary:
        raise ValueError(f"the model has {logits.shape[1]} logits, its tokenizer {vocabulary} entries")
    return logits[:, :vocabulary]


def _main() -> None:
    from infopt_compiler.runtimes.registry import find_runtime

    out, sys.stdout = sys.stdout, sys.stderr  # libraries print to stdout at will
    runtime = find_runtime(sys.argv[1])
    model = runtime.score(Path(sys.argv[2]), Path(sys.argv[3]))

    def emit(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    emit({"event": "ready", "versions": runtime.versions(), "encodes": model.encode is not None})
    for line in sys.stdin:
        command = json.loads(line)
        if "encode" in command:
            emit({"ids": model.encode(command["encode"]) if model.encode else None})
        elif "generate" in command:
            emit({"ids": model.generate(command["generate"], command["most"])})
        elif "followed" in command:
            emit({"ids": favourites(command, model.logits)})
        elif "continued" in command:
            emit(continued(command, model.logits))
        else:
            emit(answer(command, model.logits))


if __name__ == "__main__":
    _main()
