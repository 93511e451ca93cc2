"""Calibration windows: prose as it is, and, for a model with a chat template, every second one as a conversation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from infopt_compiler.artifacts import DataSpec, Document, TextData
from infopt_compiler.artifacts.text import write_text_data
from infopt_compiler.passes.quantize.calibration import calibration_windows
from infopt_compiler.passes.quantize.errors import NoCalibration

TOKENS = 32
WORDS = 90
START, END = WORDS, WORDS + 1
TEMPLATE = "{% for m in messages %}<s> {{ m['role'] }} {{ m['content'] }} <e> {% endfor %}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("words")
    words = {f"w{k}": k for k in range(WORDS)} | {"<s>": START, "<e>": END}
    words |= {word: END + 1 + k for k, word in enumerate(("user", "assistant", "?"))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "?"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> TextData:
    return words(tmp_path_factory.mktemp("text"), 900)


def words(folder: Path, count: int) -> TextData:
    text = " ".join(f"w{(7 * k * k + k) % WORDS}" for k in range(count))
    write_text_data(folder, [Document("d", text)], DataSpec(window=TOKENS, sample=6, seed=0))
    return TextData(folder, "")


def test_without_a_template_all_windows_are_prose(model: Path, text: TextData) -> None:
    prose = calibration_windows(model, text)
    assert prose.shape == (6, TOKENS) and prose.dtype == torch.long
    assert int(prose.max()) < WORDS
    assert torch.equal(calibration_windows(model, text, chat_template=True), prose)


def test_every_second_window_is_framed_by_the_template(model: Path, text: TextData) -> None:
    (model / "chat_template.jinja").write_text(TEMPLATE)
    prose = calibration_windows(model, text)
    mixed = calibration_windows(model, text, chat_template=True)
    (model / "chat_template.jinja").unlink()
    assert mixed.shape == prose.shape
    assert torch.equal(mixed[1::2], prose[1::2])
    assert mixed[::2, 0].tolist() == [START] * 3
    assert all((window == END).sum() >= 2 for window in mixed[::2])


def test_text_shorter_than_a_window_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(NoCalibration, match="shorter"):
        calibration_windows(model, words(tmp_path, 8), chat_template=True)
