"""Any pass becomes a structured config: generic, with literals, unions, tuples, and the keyword `pass` as a key."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from omegaconf import OmegaConf

from infopt_compiler.artifacts import HFModel, TextData
from infopt_compiler.config.structured import node_schema
from infopt_compiler.passes.base import Pass, param

T = TypeVar("T")


class Word(enum.Enum):
    one = "one"
    two = "two"


@dataclass(kw_only=True)
class Awkward(Pass, Generic[T]):
    name: ClassVar[str] = "awkward"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"models": tuple[HFModel, ...], "on": TextData | None}
    output: ClassVar[type] = HFModel

    word: Word = param(Word.one, "an enum")
    letter: Literal["a", "b"] = param("a", "a literal")
    size: int | None = param(None, "an optional")
    either: int | str = param(1, "a union")
    items: list[str] = param([], "a list")
    pair: tuple[int, ...] = param((), "a tuple")

    def run(self, ctx: Any, **inputs: Any) -> dict[str, Any]:
        return {}


def _config() -> Any:
    return OmegaConf.structured(node_schema(Awkward))


def test_it_can_be_written():
    config = _config()
    config.word, config.letter, config.size, config.either = "two", "b", 3, "x"
    config.models, config.on, config.items = ["m"], "data", ["x"]
    assert (config.word, config.size, config.either) == (Word.two, 3, "x")


def test_it_says_which_pass_it_is():
    assert _config()["pass"] == "awkward"


def test_instances_share_no_default():
    one, other = _config(), _config()
    one["items"].append("x")
    assert other["items"] == []
