"""The teacher's view of the text, computed once and kept on disk in a compact form.

For each token the k likeliest next words and their log probabilities (float16); the mass of all others follows from
these. Where the student's first layers are the teacher's own and stay so, also what comes out of them, so that the
student's training starts there. For k = 128 that is 512 bytes a token, of 200 kB that all words would take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from infopt_compiler.artifacts.durable import read_json, write_json

from .amounts import CHUNK_TOKENS
from .decoder import embed, finish, head_weight, run_layers
from .head import Soft
from .kept_files import open_array

_BATCH_TOKENS = 4096
_LARGEST_HALF = 60000.0  # float16 ends at 65504; larger hidden states are kept as float32


@dataclass(frozen=True)
class View:
    """What the teacher says of N windows of S tokens: words and log probabilities (N, S − 1, K); `hidden` (N, S, D)
    after the layers that the student shares, None where it shares none."""

    words: Any
    log_p: Any
    hidden: Any

    def soft(self, items: list[int], device: str = "cpu") -> Soft:
        """Of some windows, their tokens one behind the other."""
        words = torch.from_numpy(self.words[items].astype(np.int64)).to(device)
        log_p = torch.from_numpy(self.log_p[items].astype(np.float32)).to(device)
        return Soft(words.flatten(0, 1), log_p.flatten(0, 1))

    def without_hidden(self) -> View:
        """For windows that are others than the teacher's."""
        return replace(self, hidden=None)

    def start(self, items: list[int], device: str = "cpu") -> Tensor:
        """Hidden states (items, S, D), float32, after the shared layers."""
        return torch.from_numpy(self.hidden[items].astype(np.float32)).to(device)


class Views(NamedTuple):
    """Of the windows to train on and of those to stop by, at the temperature of the loss; of the latter also `plain`, at 1,
    so that curves of KL mean the same whatever is trained."""

    train: View
    validation: View
    plain: View


def teach(
    model: Any,
    ids_NS: Tensor,
    folder: Path,
    *,
    top: int,
    temperature: float,
    shared: int,
    floats16: bool,
    tell: Callable[[int, int], None],
    device: str = "cpu",
) -> View:
    """Run the teacher over all windows, or over those that a killed run left. Deterministic."""
    folder.mkdir(parents=True, exist_ok=True)
    count, length = ids_NS.shape
    top = min(top, head_weight(model).shape[0] - 1)
    words_type = np.uint16 if head_weight(model).shape[0] <= 1 << 16 else np.uint32
    batch = max(1, _BATCH_TOKENS // length)
    hidden_type = _hidden_type(model, ids_NS[:batch].to(device), shared, floats16)
    width = model.config.hidden_size
    wanted = {
        "words": (words_type, (count, length - 1, top)),
        "log_p": (np.float16, (count, length - 1, top)),
    }
    if shared:
        wanted["hidden"] = (hidden_type, (count, length, width))
    opened = {name: open_array(folder / f"{name}.npy", *like) for name, like in wanted.items()}
    arrays: dict[str, Any] = {name: array for name, (array, _) in opened.items()}
    words, log_p, hidden = arrays["words"], arrays["log_p"], arrays.get("hidden")
    done = read_json(folder / "done.json") or 0 if all(there for _, there in opened.values()) else 0
    while done < count:
        tell(done, count)
        part = slice(done, min(count, done + batch))
        found_words, found_log_p, found_hidden = _look(
            model, ids_NS[part].to(device), top, temperature, shared, floats16
        )
        words[part], log_p[part] = found_words, found_log_p
        if hidden is not None:
            hidden[part] = found_hidden
        for array in arrays.values():
            array.flush()
        done = part.stop
        write_json(folder / "done.json", done)
    return View(words, log_p, hidden)


def _look(
    model: Any, ids_BS: Tensor, top: int, temperature: float, shared: int, floats16: bool
) -> tuple[Any, Any, Any]:
    with torch.no_grad(), torch.autocast(ids_BS.device.type, torch.bfloat16, enabled=floats16):
        start = run_layers(model, embed(model, ids_BS), 0, shared)
        h_ND = finish(model, run_layers(model, start, shared))
        weight = head_weight(model)
        if floats16:
            weight = weight.bfloat16()
        parts = [_top(part, weight, top, temperature) for part in h_ND.split(CHUNK_TOKENS)]
    rows = len(ids_BS)
    words, log_p = (torch.cat(side).view(rows, -1, top).cpu().numpy() for side in zip(*parts, strict=True))
    return words, log_p, start.float().cpu().numpy() if shared else None


def look(model: Any, ids_BS: Tensor, top: int, temperature: float, *, floats16: bool) -> Soft:
    """The teacher's view of some windows, not kept: tokens one behind the other."""
    with torch.no_grad(), torch.autocast(ids_BS.device.type, torch.bfloat16, enabled=floats16):
        h_ND = finish(model, run_layers(model, embed(model, ids_BS), 0))
        weight = head_weight(model)
        if floats16:
            weight = weight.bfloat16()
        parts = [_top(part, weight, top, temperature) for part in h_ND.split(CHUNK_TOKENS)]
    words, log_p = (torch.cat(side) for side in zip(*parts, strict=True))
    return Soft(words, log_p)


def _top(h_ND: Tensor, weight_VD: Tensor, top: int, temperature: float) -> tuple[Tensor, Tensor]:
    logits = (h_ND.to(weight_VD.dtype) @ weight_VD.T).float()
    if temperature != 1.0:
        logits.div_(temperature)
    values, words = logits.topk(top, dim=-1)
    return words, values - logits.logsumexp(-1, keepdim=True)


def _hidden_type(model: Any, ids_BS: Tensor, shared: int, floats16: bool) -> Any:
    if not shared:
        return np.dtype(np.float16)
    with torch.no_grad(), torch.autocast(ids_BS.device.type, torch.bfloat16, enabled=floats16):
        largest = float(run_layers(model, embed(model, ids_BS), 0, shared).abs().max())
    return np.dtype(np.float16 if largest < _LARGEST_HALF else np.float32)
