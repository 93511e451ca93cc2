"""Text to windows of token ids: what is trained on, and a part of it that only says when to stop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts import TextData
from infopt_compiler.artifacts.text import read_documents, read_spec, windows

from .amounts import APART_SHARE, APART_WINDOWS
from .training.errors import NoText, OtherTokenizer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Windows:
    """Token ids (windows, tokens), int64: to train on, and to stop by."""

    train_NS: Tensor
    validation_NS: Tensor


def spread_windows(windows_NS: Tensor, count: int) -> Tensor:
    """At most `count` windows (at least one) from all over the text."""
    import torch

    at = torch.linspace(0, len(windows_NS) - 1, min(max(1, count), len(windows_NS)))
    return windows_NS[at.round().long()]


def load_tokenizer(folder: Path) -> Any:
    """The `tokenizers.Tokenizer` of a model's folder; OtherTokenizer where there is none to compare."""
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise OtherTokenizer(f"{folder.name} has no tokenizer.json, so no text can be cut for it")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def require_one_tokenizer(teacher: Path, student: Path) -> None:
    """Distributions over words compare only where both have the same words under the same numbers. OtherTokenizer."""
    first, second = (
        load_tokenizer(folder).get_vocab(with_added_tokens=True) for folder in (teacher, student)
    )
    if first == second:
        return
    other = next((word for word in sorted(first) if first[word] != second.get(word)), None)
    if other is None:
        other = next(word for word in sorted(second) if word not in first)
    numbers = " and ".join(str(table.get(other, "absent")) for table in (first, second))
    raise OtherTokenizer(
        f"teacher and student have different tokenizers: {len(first)} and {len(second)} entries; {other!r} is {numbers}",
        help="choose a student of the same family, or let one be made from the teacher (`layers`, `size`)",
    )


def training_windows(teacher: Path, texts: tuple[TextData, ...]) -> Windows:
    """All windows of all texts, as each text's own settings cut it; all of one length. Raises NoText.

    The windows to stop by come from the ends of the texts, so no window trained on lies between them.
    """
    import torch

    tokenizer = load_tokenizer(teacher)

    def encode(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    lengths = {read_spec(text).window for text in texts}
    if len(lengths) > 1:
        raise NoText(
            f"the texts are cut into windows of {' and '.join(map(str, sorted(lengths)))} tokens",
            help="give them one `window`",
        )
    train: list[tuple[int, ...]] = []
    validation: list[tuple[int, ...]] = []
    for text in texts:
        found = [window.ids for window in windows(read_documents(text), read_spec(text), encode)]
        apart = min(APART_WINDOWS, -(-len(found) // APART_SHARE)) if len(found) > 1 else 0
        train += found[: len(found) - apart]
        validation += found[len(found) - apart :]
    if not train or not validation:
        raise NoText(
            f"the text fills {len(train)} windows of {next(iter(lengths), 0)} tokens; at least 2 are needed",
            help="give more text, or a smaller `window`",
        )
    kept = validation[:: -(-len(validation) // APART_WINDOWS)]
    return Windows(torch.tensor(train, dtype=torch.long), torch.tensor(kept, dtype=torch.long))
