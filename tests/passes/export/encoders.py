"""A tiny BERT with a WordPiece tokenizer and the files of sentence-transformers."""

from __future__ import annotations

import json
import pydoc_data.topics
from pathlib import Path

WORDS = 300


def write_bert(folder: Path, *, pooling: str = "mean", **changes) -> Path:
    """A float BertModel of two layers; `changes` go into its configuration."""
    import torch
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True)
    _write_tokenizer(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(vocab_size=WORDS, max_position_embeddings=128, **{**sizes, **changes})
    model = BertModel(config)
    for layer in model.modules():  # biases and norms that do something
        if isinstance(layer, torch.nn.Linear | torch.nn.LayerNorm):
            torch.nn.init.normal_(layer.bias, std=0.1)
    model.save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    said = {
        f"pooling_mode_{name}": name.startswith(pooling)
        for name in ("cls_token", "mean_tokens", "max_tokens")
    }
    (folder / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": 64, **said}))
    kinds = ["Transformer", "Pooling", "Normalize"]
    modules = [
        {"idx": k, "name": str(k), "type": f"sentence_transformers.models.{kind}"}
        for k, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    trained = BertWordPieceTokenizer()
    texts = list(pydoc_data.topics.topics.values())[:8]
    trained.train_from_iterator(texts, vocab_size=WORDS, show_progress=False)
    BertTokenizerFast(tokenizer_object=trained._tokenizer).save_pretrained(folder)
