"""What verification exists for: each way in which an artifact can be wrong makes it fail, and say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.graph import Graph
from infopt_compiler.passes.export.logits import compare_logits
from infopt_compiler.passes.export.verify import verify
from tests.passes.export.conftest import DOCUMENTS, Exported

Copy = Callable[[Path], Path]


def _fails(artifact: Path, source: Path) -> PassError:
    with pytest.raises(PassError) as caught:
        verify(artifact, source, documents=DOCUMENTS)
    return caught.value


def test_a_faithful_artifact_passes(exported: Exported):
    facts = verify(exported.artifact, exported.source, documents=DOCUMENTS)
    assert facts["nodes_compared"] == 2 * 5 + 2
    assert facts["conversations_compared"] == 8


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.layers.0.attn.qkv_proj.MatMulNBits.qweight", "codes of model.layers.0.self_attn.k_proj"),
        ("model.layers.1.mlp.down_proj.MatMulNBits.scales", "scales of model.layers.1.mlp.down_proj"),
        ("lm_head.MatMulNBits.qzeros", "zero points of lm_head"),
    ],
)
def test_a_corrupted_initializer_is_found(exported: Exported, copy_of: Copy, name: str, part: str):
    artifact = copy_of(exported.artifact)
    graph = Graph(artifact)
    array = np.array(graph.array(name))
    flat = array.reshape(-1)
    at = 128 * 64 // 2 + 5 if "qkv" in name else 3  # the row after q's 128
    flat[at] = flat[at] + 1 if array.dtype == np.uint8 else np.nextafter(flat[at], np.float32(9))
    graph.put(name, array)
    graph.save()
    failure = _fails(artifact, exported.source)
    assert failure.code == "E0732"
    assert part in str(failure)
    assert "first at row" in str(failure)


def test_integers_that_the_source_lacks_are_found(exported: Exported, llama: Path, copy_of: Copy):
    from safetensors.numpy import load_file, save_file

    source = copy_of(exported.source)
    tensors = load_file(source / "model.safetensors")
    for part in ("qweight", "scales", "qzeros"):
        del tensors[f"model.layers.1.mlp.up_proj.{part}"]
    save_file(tensors, source / "model.safetensors")
    failure = _fails(exported.artifact, source)
    assert failure.code == "E0732"
    assert "/model/layers.1/mlp/up_proj/MatMulNBits" in str(failure)


def test_a_changed_float_weight_shows_in_the_logits(exported: Exported, copy_of: Copy):
    artifact = copy_of(exported.artifact)
    graph = Graph(artifact)
    name = "model.layers.1.input_layernorm.weight"
    array = np.array(graph.array(name))
    array[7] += 0.05
    graph.put(name, array)
    graph.save()
    failure = _fails(artifact, exported.source)
    assert failure.code == "E0733"
    assert "largest difference" in str(failure)


def test_the_tolerance_is_what_is_asked(exported: Exported):
    with pytest.raises(PassError, match="allowed 1e-12"):
        compare_logits(exported.artifact, exported.source, [[5, 6, 7, 8, 9, 10, 11, 12]], tolerance=1e-12)


def test_an_artifact_that_does_not_load(exported: Exported, copy_of: Copy):
    artifact = copy_of(exported.artifact)
    (artifact / "model.onnx.data").write_bytes(b"")
    assert _fails(artifact, exported.source).code == "E0731"


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def test_a_tokenizer_whose_digits_are_not_split(exported: Exported, copy_of: Copy):
    artifact = copy_of(exported.artifact)

    def original(content: dict[str, Any]) -> None:
        source = json.loads((exported.source / "tokenizer.json").read_text("utf-8"))
        content["pre_tokenizer"] = source["pre_tokenizer"]  # which the runtime does not read as it is meant

    _edit(artifact / "tokenizer.json", original)
    failure = _fails(artifact, exported.source)
    assert failure.code == "E0734"
    assert "in the artifact" in str(failure)


def test_a_tokenizer_as_transformers_makes_it_of_a_gguf_file(exported: Exported, copy_of: Copy):
    artifact = copy_of(exported.artifact)
    space = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    steps = [
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        space,
        {"type": "ByteLevel", "add_prefix_space": True},
    ]

    def broken(content: dict[str, Any]) -> None:
        content["model"].update(byte_fallback=True, fuse_unk=True)
        content["normalizer"] = {"type": "Sequence", "normalizers": []}
        content["decoder"] = {"type": "Sequence", "decoders": steps}

    _edit(artifact / "tokenizer.json", broken)
    assert _fails(artifact, exported.source).code == "E0734"


def test_another_chat_template(exported: Exported, copy_of: Copy):
    artifact = copy_of(exported.artifact)
    template = artifact / "chat_template.jinja"
    template.write_text(template.read_text("utf-8").replace("assistant", "bot"), "utf-8")
    failure = _fails(artifact, exported.source)
    assert failure.code == "E0735"
    assert "bot" in str(failure)


def test_another_end_token(exported: Exported, copy_of: Copy):
    artifact = copy_of(exported.artifact)
    _edit(artifact / "genai_config.json", lambda c: c["model"].update(eos_token_id=0))
    failure = _fails(artifact, exported.source)
    assert failure.code == "E0736"
    assert "<|im_end|>" in str(failure)


def test_a_source_whose_end_token_begins_a_turn(exported: Exported, copy_of: Copy):
    """What transformers writes for a GGUF file: `<|im_start|>` as the end token."""
    source = copy_of(exported.source)
    artifact = copy_of(exported.artifact)
    _edit(source / "tokenizer_config.json", lambda c: c.update(eos_token="<|im_start|>"))
    _edit(artifact / "genai_config.json", lambda c: c["model"].update(eos_token_id=[1, 2]))
    failure = _fails(artifact, source)
    assert failure.code == "E0736"
    assert "begins a turn" in str(failure)
