from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from infopt_compiler.artifacts.onnx_view import read_graph, unpruned_view
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.graph import Graph, attribute
from infopt_compiler.passes.export.olive import QuantizedFolder
from infopt_compiler.passes.export.runtime import open_model, stepwise_logits
from infopt_compiler.passes.export.variants import (
    Settings,
    derive,
    fuse_gate_up,
    prune_head,
    separate_qkv,
    set_accuracy_level,
    set_threads,
)
from infopt_compiler.passes.export.weights import compare_weights
from tests.passes.export.conftest import Exported

IDS = [5, 60, 7, 80, 9, 100, 11, 120]


def _logits(folder: Path, prompt: int = 5) -> np.ndarray:
    return stepwise_logits(open_model(folder), IDS, prompt)


@pytest.mark.parametrize("layout", [fuse_gate_up, separate_qkv])
def test_fusions_keep_weights_and_logits(layout, exported: Exported, tmp_path: Path):
    variant = tmp_path / "variant"
    layout(exported.artifact, variant)
    compare_weights(Graph(variant), QuantizedFolder(exported.source))
    assert np.abs(_logits(variant) - _logits(exported.artifact)).max() < 1e-4
    ours, theirs = (folder / "model.onnx.data" for folder in (variant, exported.artifact))
    assert ours.stat().st_size < theirs.stat().st_size * 1.05  # head and embedding are still stored once


def test_accuracy_level_and_threads_share_the_data(exported: Exported, tmp_path: Path):
    set_accuracy_level(exported.artifact, tmp_path / "level", 4)
    set_threads(exported.artifact, tmp_path / "threads", 2)
    levels = {attribute(n, "accuracy_level") for n in Graph(tmp_path / "level").nodes("MatMulNBits")}
    assert levels == {4}
    config = json.loads((tmp_path / "threads" / "genai_config.json").read_text("utf-8"))
    assert config["model"]["decoder"]["session_options"]["intra_op_num_threads"] == 2
    inode = (exported.artifact / "model.onnx.data").stat().st_ino
    assert all((tmp_path / name / "model.onnx.data").stat().st_ino == inode for name in ("level", "threads"))
    untouched = json.loads((exported.artifact / "genai_config.json").read_text("utf-8"))
    assert "intra_op_num_threads" not in untouched["model"]["decoder"]["session_options"]
    assert {attribute(n, "accuracy_level") for n in Graph(exported.artifact).nodes("MatMulNBits")} == {0}


def test_the_head_may_have_a_level_of_its_own(exported: Exported, tmp_path: Path):
    derive(exported.artifact, tmp_path / "v", Settings(accuracy_level=0, head_accuracy_level=4))
    levels = {n.name: attribute(n, "accuracy_level") for n in Graph(tmp_path / "v").nodes("MatMulNBits")}
    assert levels.pop("/lm_head/MatMulNBits") == 4
    assert set(levels.values()) == {0}


def test_a_pruned_head_gives_the_last_position_and_its_view_gives_all(exported: Exported, tmp_path: Path):
    pruned = tmp_path / "pruned"
    prune_head(exported.artifact, pruned)
    whole = _logits(exported.artifact)
    last = _logits(pruned)
    assert last.shape[0] == 1 + len(IDS) - 5
    assert np.abs(last - whole[4:]).max() < 1e-4  # another kernel for one row than for five
    view = unpruned_view(pruned, tmp_path / "view")
    assert np.array_equal(_logits(view), whole)
    assert (view / "model.onnx.data").stat().st_ino == (pruned / "model.onnx.data").stat().st_ino
    assert unpruned_view(exported.artifact, tmp_path / "none") == exported.artifact
    prune_head(pruned, tmp_path / "twice")
    assert len(read_graph(tmp_path / "twice").graph.node) == len(read_graph(pruned).graph.node)


def test_all_settings_together(exported: Exported, tmp_path: Path):
    settings = Settings(2, 4, None, fuse_gate_up=True, separate_qkv=True, prune_head=True)
    derive(exported.artifact, tmp_path / "v", settings)
    compare_weights(Graph(tmp_path / "v"), QuantizedFolder(exported.source))
    assert _logits(tmp_path / "v").shape[0] == 1 + len(IDS) - 5


def test_what_cannot_be_derived_is_said(exported: Exported, tmp_path: Path):
    with pytest.raises(PassError, match="accuracy level 7"):
        set_accuracy_level(exported.artifact, tmp_path / "a", 7)
    separate_qkv(exported.artifact, tmp_path / "b")
    with pytest.raises(PassError, match="no joined"):
        separate_qkv(tmp_path / "b", tmp_path / "c")
