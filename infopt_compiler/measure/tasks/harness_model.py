"""An artifact as lm-eval's language model: its own tokenizer, and logits and words from the runtime that serves it.

Imported by the process of a task only (`harness`), since it needs lm-eval.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lm_eval.api.model import TemplateLM

from infopt_compiler.artifacts.layouts import ONNX_DECODER
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.text.windowing import load_tokenizer
from infopt_compiler.runtimes.scorer import Scorer

_STEP = 32  # tokens that are written before the text is looked at for a stop
_MOST = 256  # tokens of an answer where the task says nothing, as lm-eval has it

Pair = tuple[tuple[str, str], list[int], list[int]]


class ServedModel(TemplateLM):  # type: ignore[misc]
    """Special tokens are the tokenizer's, as in lm-eval's own models. Too long a context loses its beginning."""

    def __init__(self, scorer: Scorer, folder: Path, tell: Callable[[int], None]) -> None:
        super().__init__()
        self._scorer, self._tell, self._done = scorer, tell, 0
        self._tokenizer = load_tokenizer(folder)
        self._vocabulary = 1 + max(self._tokenizer.get_vocab(with_added_tokens=True).values())
        settings = _settings(folder)
        self.max_length = int(
            settings.get("context_length") or settings.get("max_position_embeddings") or 2048
        )
        self._begin, ends = settings.get("bos_token_id"), settings.get("eos_token_id")
        self._end = ends[0] if isinstance(ends, list) else ends
        self._agreed: set[str] = set()

    @property
    def eot_token_id(self) -> int:
        return int(self._end or 0)

    @property
    def prefix_token_id(self) -> int:
        return self.eot_token_id if self._begin is None else int(self._begin)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        ids: list[int] = self._tokenizer.encode(
            string, add_special_tokens=add_special_tokens is not False
        ).ids
        self._agree(string, ids)
        return ids

    def _loglikelihood_tokens(self, requests: Sequence[Pair], **_: Any) -> list[tuple[float, bool]]:
        return [self._scored(*request) for request in requests]

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
        raise NotImplementedError("refused before (E0618)")

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
        return [self._written(*request.args) for request in requests]

    def _scored(self, texts: tuple[str, str], given: list[int], then: list[int]) -> tuple[float, bool]:
        kept = [*given, *then][-self.max_length :]
        at = max(1, len(kept) - len(then))
        command = {"ids": kept[:at], "continued": kept[at:], "vocabulary": self._vocabulary}
        found = self._scorer.ask(command)
        if not math.isfinite(found["log_likelihood"]):
            raise DiagnosticError(error("E0910", f"logits are not finite, first in {texts[0][-40:]!r}"))
        self._step()
        return found["log_likelihood"], found["greedy"]

    def _written(self, context: str, said: dict[str, Any]) -> str:
        stops = said.get("until") or []
        stops = [stops] if isinstance(stops, str) else stops
        most = min(int(said.get("max_gen_toks") or _MOST), self.max_length - 1)
        given = self.tok_encode(context)[most - self.max_length :]
        ids: list[int] = []
        text = ""
        while len(ids) < most and not any(stop in text for stop in stops if stop):
            step = min(_STEP, most - len(ids))
            more = self._scorer.ask({"generate": [*given, *ids], "most": step})["ids"]
            ids += more
            text = self._tokenizer.decode(ids)
            if len(more) < step:
                break
        self._step()
        return min((text.split(stop)[0] for stop in stops if stop), key=len, default=text)

    def _step(self) -> None:
        self._done += 1
        self._tell(self._done)

    def _agree(self, text: str, ids: list[int]) -> None:
        """The tokenizer that serves must give the same ids; a BOS in front is let pass."""
        if text in self._agreed or not self._scorer.ready["encodes"]:
            return
        served = self._scorer.ask({"encode": text})["ids"]
        few, many = sorted((ids, served), key=len)
        if many[len(many) - len(few) :] != few or len(many) - len(few) > 1:
            message = f"the tokenizer that serves differs from tokenizer.json in {text[-40:]!r}"
            raise DiagnosticError(error("E0906", message))
        self._agreed.add(text)


def _settings(folder: Path) -> dict[str, Any]:
    """Of the model: end tokens, context."""
    if ONNX_DECODER.fits(folder):
        found: dict[str, Any] = json.loads((folder / ONNX_DECODER.file).read_text("utf-8"))["model"]
        return found
    config = folder / "config.json"
    return json.loads(config.read_text("utf-8")) if config.is_file() else {}
