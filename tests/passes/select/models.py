"""Candidates whose order in quality is known: untrained, and trained for some steps on the same prose."""

from __future__ import annotations

import shutil
from pathlib import Path

from infopt_compiler.artifacts import DataSpec, Document, HFModel, TextData
from infopt_compiler.artifacts.text import write_text_data
from tests.passes.export.models import write_llama


def prose(count: int = 24) -> list[Document]:
    from pydoc_data.topics import topics

    return [Document(name, topics[name][:2000]) for name in sorted(topics)[:count]]


def write_text(folder: Path, documents: list[Document], window: int = 64) -> TextData:
    write_text_data(folder, documents, DataSpec(window=window))
    return TextData(folder, "text")


def widened(source: Path, folder: Path, *, steps: int) -> HFModel:
    """`source` with a wider MLP (so more bytes), trained for `steps` on the prose; 0: nearly as bad as `source`."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model only waits for its threads
    torch.manual_seed(0)
    config = LlamaConfig.from_pretrained(source)
    config.intermediate_size *= 2
    model = LlamaForCausalLM(config)
    tokenizer = AutoTokenizer.from_pretrained(source)
    ids = torch.tensor(tokenizer(" ".join(d.text for d in prose())[:20000])["input_ids"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        starts = torch.randint(0, len(ids) - 65, (16,))
        batch = torch.stack([ids[start : start + 64] for start in starts])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    return HFModel(folder, folder.name)


def small(folder: Path) -> HFModel:
    return HFModel(write_llama(folder), folder.name)
