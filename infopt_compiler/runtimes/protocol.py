"""What a runtime says of itself, and what it opens: a `Server` or an `Encoder` to serve requests, a `Scorable` to score text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from infopt_compiler.artifacts.layouts import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Server(Protocol):
    """An opened model. `chat` and `encode` are its own tokenizer; `generate` yields once for each token of the batch."""

    def chat(self, text: str) -> str | None:
        """The text as a user's message in the chat template, ready to be answered; None without a template."""

    def encode(self, text: str) -> list[int]: ...

    def generate(self, ids: list[int], batch: int, tokens: int, max_length: int) -> Iterator[None]:
        """Exactly `tokens` tokens for each of `batch` equal prompts: an end token never ends a request early."""

    def environment(self) -> dict[str, Any]:
        """Runtime, versions, threads."""


class Encoder(Protocol):
    """An opened encoder with its own tokenizer."""

    def encode(self, text: str) -> list[int]: ...

    def tokenize(self, texts: list[str]) -> dict[str, Any]:
        """The model's int64 inputs, each (batch, longest text)."""

    def forward(self, inputs: dict[str, Any]) -> Any:
        """Sentence embeddings, float32 (batch, hidden)."""

    def environment(self) -> dict[str, Any]:
        """Runtime, versions, threads."""


class Answers(Enum):
    """What a server gives for a request."""

    tokens = "tokens"  # a `Server`
    vectors = "vectors"  # an `Encoder`


@dataclass(frozen=True)
class Scorable:
    """An opened model whose logits are seen. `logits` of token ids: (tokens, vocabulary), float32. `encode`: the runtime's own
    tokenizer, None where that is tokenizer.json itself. `generate`: (prompt ids, most tokens) → the greedy continuation, an
    end token left out: shorter means that it ended there."""

    logits: Callable[[list[int]], NDArray[np.float32]]
    encode: Callable[[str], list[int]] | None
    generate: Callable[[list[int], int], list[int]]


@dataclass(frozen=True)
class Runtime:
    """A runtime as data: light, since `check` and `plan` read it, too.

    It `serves` and `scores` artifacts of these layouts. `server` is "module:Class" that opens a folder (`Server`, or
    `Encoder` where it `answers` with vectors); `scorer` is "module:function" from a folder and a scratch folder to a
    `Scorable`. `distributions`: whose versions a measurement depends on. `deploys`: users run what they ship with it, so that
    budgets hold for what it serves; else it serves what others are compared with.
    """

    name: str
    serves: tuple[Layout, ...]
    server: str
    distributions: tuple[str, ...]
    answers: Answers = Answers.tokens
    scores: tuple[Layout, ...] = ()
    scorer: str = ""
    deploys: bool = True

    def opener(self) -> Callable[[Path], Any]:
        """What opens a `Server` or an `Encoder`. Imports the runtime, not yet the model: `load` is counted from here."""
        return _named(self.server)

    def score(self, folder: Path, scratch: Path) -> Scorable:
        """The model of a folder with all its logits; `scratch` is for files, and made where it is wanted."""
        found: Scorable = _named(self.scorer)(folder, scratch)
        return found

    def versions(self) -> dict[str, str]:
        """Of the distributions that are installed."""
        found = {}
        for name in self.distributions:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        return found


def _named(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found
