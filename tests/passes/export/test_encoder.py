"""Encoders: the emitted graph against torch, its integers, its pooling, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from infopt_compiler.artifacts import HFModel, ModelSpec, OnnxModel
from infopt_compiler.artifacts.pooling import read_pooling
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.encoder import build_encoder
from infopt_compiler.passes.export.encoder_verify import TOLERANCE, verify_encoder
from infopt_compiler.passes.export.export import Export
from infopt_compiler.passes.quantize.encoder import quantize_encoder
from infopt_compiler.passes.quantize.quantize import Quantize
from infopt_compiler.runtimes.onnxruntime.serve import EncoderServer
from infopt_compiler.runtimes.registry import server_of
from infopt_compiler.runtimes.torch.encoder import TorchEncoderServer
from infopt_compiler.targets.layers import Layer
from infopt_compiler.targets.probe_graph import Graph
from tests.passes.export.encoders import write_bert

TEXTS = ["A short one.", "The statement is executed once, and then never again: so says the reference."]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert(tmp_path_factory.mktemp("bert") / "model")


@pytest.fixture(scope="module")
def int8(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    quantize_encoder(bert, folder, words=True)
    return folder


def _export(source: Path, folder: Path) -> Path:
    folder.mkdir()
    build_encoder(source, folder)
    return folder


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_float_graph_is_torch(tmp_path, pooling):
    source = write_bert(tmp_path / "model", pooling=pooling)
    artifact = _export(source, tmp_path / "artifact")
    facts = verify_encoder(artifact, source)
    assert facts["max_difference"] <= TOLERANCE
    assert read_pooling(artifact).mode == pooling
    ours, torchs = EncoderServer(artifact), TorchEncoderServer(source)
    vectors = ours.forward(ours.tokenize(TEXTS))
    assert vectors.shape == (2, 64)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors, torchs.forward(torchs.tokenize(TEXTS)), atol=TOLERANCE)


def test_padding_changes_nothing(bert, tmp_path):
    server = EncoderServer(_export(bert, tmp_path / "artifact"))
    alone = np.concatenate([server.forward(server.tokenize([text])) for text in TEXTS])
    np.testing.assert_allclose(server.forward(server.tokenize(TEXTS)), alone, atol=1e-5)


def test_integers_are_carried_and_computed_with(int8, tmp_path):
    artifact = _export(int8, tmp_path / "artifact")
    facts = verify_encoder(artifact, int8)
    spec = ModelSpec.from_folder(int8)
    assert facts["integers_compared"] == spec.linear_parameters + spec.vocabulary * spec.hidden
    assert facts["cosine_to_floats"] > 0.99 and facts["max_difference"] <= TOLERANCE
    kinds = [node.op_type for node in onnx.load(artifact / "model.onnx").graph.node]
    assert kinds.count("DynamicQuantizeMatMul") == 6 * spec.layers and "MatMul" not in kinds


def test_other_integers_are_found(int8, tmp_path):
    artifact = _export(int8, tmp_path / "artifact")
    model = onnx.load(artifact / "model.onnx")
    one = next(i for i in model.graph.initializer if i.name.endswith("query.weight_int8"))
    values = onnx.numpy_helper.to_array(one).copy()
    values[0, 0] ^= 1
    one.CopyFrom(onnx.numpy_helper.from_array(values, one.name))
    onnx.save(model, artifact / "model.onnx")
    with pytest.raises(PassError, match=r"integers of `encoder.layer.0.attention.self.query`"):
        verify_encoder(artifact, int8)


@pytest.mark.parametrize("branch", ["then_branch", "else_branch"])  # texts of one length, and padded ones
def test_another_graph_is_found(tmp_path, branch):
    source = write_bert(
        tmp_path / "model", initializer_range=0.2
    )  # attends to some tokens more than to others
    artifact = _export(source, tmp_path / "artifact")
    model = onnx.load(artifact / "model.onnx")
    for node in _attentions(model, branch):
        next(a for a in node.attribute if a.name == "num_heads").i = 2
    onnx.save(model, artifact / "model.onnx")
    with pytest.raises(PassError, match="differs from torch"):
        verify_encoder(artifact, source)


def _attentions(model: onnx.ModelProto, branch: str) -> list[onnx.NodeProto]:
    graphs = [a.g for node in model.graph.node for a in node.attribute if a.name == branch]
    found = [node for graph in graphs for node in graph.node if node.op_type == "MultiHeadAttention"]
    assert found
    return found


@pytest.mark.parametrize("operator", ["float32", "int8"])
def test_the_layer_that_plans_time_is_the_one_that_is_exported(bert, int8, tmp_path, operator):
    """All but the choice of a branch: plans time texts without padding."""
    source = int8 if operator == "int8" else bert
    graph = onnx.load(_export(source, tmp_path / "artifact") / "model.onnx").graph
    exported = [node for node in graph.node if node.name.startswith("encoder.layer.0.")]
    probe = Graph()
    probe.encoder_layer("x", Layer(operator, 64, 128, 4, 0, 16, 2))
    timed = [(node.op_type, sum(map(bool, node.input))) for node in probe._nodes]
    assert timed == [
        ("MultiHeadAttention", 3) if node.op_type == "If" else (node.op_type, sum(map(bool, node.input)))
        for node in exported
    ]


def test_another_tokenizer_is_found(bert, tmp_path):
    artifact = _export(bert, tmp_path / "artifact")
    text = json.loads((artifact / "tokenizer.json").read_text("utf-8"))
    text["normalizer"]["lowercase"] = not text["normalizer"]["lowercase"]
    (artifact / "tokenizer.json").write_text(json.dumps(text))
    with pytest.raises(PassError, match="other ids"):
        verify_encoder(artifact, bert)


def test_what_bert_is_not_is_refused(bert, tmp_path):
    source = tmp_path / "other"
    shutil.copytree(bert, source)
    config = json.loads((source / "config.json").read_text("utf-8"))
    (source / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    with pytest.raises(PassError, match="hidden_act = relu"):
        build_encoder(source, tmp_path)
    shutil.rmtree(source / "1_Pooling")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling/config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(PassError, match="pooling_mode_max_tokens"):
        build_encoder(source, tmp_path)


def test_shapes_and_bytes_are_those_of_the_files(bert, int8):
    import safetensors.numpy

    state = safetensors.numpy.load_file(bert / "model.safetensors")
    pooler = sum(value.size for name, value in state.items() if "pooler" in name)
    spec = ModelSpec.from_folder(bert)
    assert spec.parameters == sum(value.size for value in state.values()) - pooler
    formats = Quantize(method="rtn", bits=8, group=0).transform(spec)
    written = (int8 / "model.safetensors").stat().st_size
    assert formats.weight_bytes == pytest.approx(written, rel=0.05)


def test_checks_speak_of_encoders(bert):
    spec = ModelSpec.from_folder(bert)
    assert list(Export().check(spec)) == []
    assert list(Quantize(method="rtn", bits=8, group=0).check(spec)) == []
    wrong = list(Quantize(method="gptq", bits=4, group=32).check(spec))
    assert {problem.parameter for problem in wrong} == {"method", "bits", "group"}


def test_runtimes_are_found_by_what_the_folder_holds(bert, tmp_path):
    artifact = _export(bert, tmp_path / "artifact")
    assert server_of(OnnxModel(artifact, "")).opener() is EncoderServer
    assert server_of(HFModel(bert, "")).opener() is TorchEncoderServer
