from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest

from infopt_compiler.architectures import Ability, able
from infopt_compiler.artifacts import HFModel, ModelSpec, QuantizedModel, WeightFormat
from infopt_compiler.diagnostics import CODES
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export import Export
from infopt_compiler.passes.export.architectures import BUILDER_ARCHITECTURES
from infopt_compiler.passes.export.build import build
from infopt_compiler.passes.export.graph import Graph
from infopt_compiler.passes.export.verify import verify
from tests.passes.export.conftest import DOCUMENTS, Context
from tests.passes.export.models import write_llama, write_quantized


@pytest.mark.slow
def test_a_quantized_model_is_exported_and_verified_on_the_whole_corpus(
    llama: Path, context: Context, tmp_path: Path
):
    source = write_quantized(llama, tmp_path / "source")
    facts = Export().run(context, model=QuantizedModel(source, "0" * 64))
    assert facts["logits_max_difference"] <= 1e-3
    assert facts["logits_top1"] == 1.0
    assert facts["texts_compared"] > 100
    assert facts["end_tokens"] == [2]
    assert facts["embedding"] == "the head's integers"
    assert any("Reading embedding layer" in line for line in context.lines)


def test_a_float_model_is_exported(llama: Path, context: Context):
    facts = _run(llama, context)
    assert facts["logits_max_difference"] <= 1e-3
    assert "nodes_compared" not in facts
    assert "+" not in Graph(context.staging).model.producer_version, (
        "no commit of a repository that lies around it"
    )


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"bits": 4, "symmetric": True, "head": 8}, {"GatherBlockQuantized"}),
        ({"bits": 8, "symmetric": False, "head": 4}, {"GatherBlockQuantized"}),
        ({"bits": 4, "symmetric": False, "head": 8, "embedding": "own"}, {"GatherBlockQuantized"}),
        ({"bits": 4, "symmetric": False, "head": 8, "embedding": "float"}, {"Gather"}),
        ({"bits": 4, "symmetric": True, "head": 32}, {"Gather"}),
    ],
)
def test_every_format_is_carried(
    options: dict, kinds: set[str], llama: Path, context: Context, tmp_path: Path
):
    source = write_quantized(llama, tmp_path / "source", **options)
    facts = _run(source, context)
    graph = Graph(context.staging)
    gathers = {node.op_type for node in graph.proto.node if "embed_tokens/Gather" in node.name}
    assert gathers == kinds
    assert facts["logits_max_difference"] <= 1e-3
    zeros = {len(node.input) for node in graph.nodes("MatMulNBits")}
    assert zeros == ({3} if options["symmetric"] else {4})


def test_an_untied_model_with_an_odd_number_of_groups(context: Context, tmp_path: Path):
    llama = write_llama(tmp_path / "llama", tied=False, hidden=96)
    source = write_quantized(llama, tmp_path / "source", symmetric=False, head=4, embedding="own")
    assert _run(source, context)["logits_max_difference"] <= 1e-3


def test_head_and_embedding_take_the_space_of_one(llama: Path, context: Context, tmp_path: Path):
    source = write_quantized(llama, tmp_path / "source")
    build(source, _made(context.staging), context.scratch, context.log)
    graph = Graph(context.staging)
    once = graph.array("lm_head.MatMulNBits.qweight").nbytes
    total = sum(graph.array(tensor.name).nbytes for tensor in graph.proto.initializer)
    data = (context.staging / "model.onnx.data").stat().st_size
    assert data < total - once + 64 * len(graph.proto.initializer)


def test_an_unknown_architecture_is_a_problem_that_names_the_known_ones(llama: Path):
    spec = replace(ModelSpec.from_folder(llama), architecture="MambaForCausalLM")
    (problem,) = Export().check(spec)
    assert "MambaForCausalLM" in problem.message
    assert "LlamaForCausalLM" in (problem.help or "")
    quantized = replace(spec, architecture="PhiForCausalLM", linear=WeightFormat(4, 32))
    assert [p.message for p in Export().check(quantized)]
    assert not list(Export().check(ModelSpec.from_folder(llama)))
    assert not list(Export().check(None))


def test_the_table_of_architectures_is_the_builders():
    from onnxruntime_genai.models import builder

    dispatch = inspect.getsource(builder.create_model)
    assert all(f'"{name}"' in dispatch for name in BUILDER_ARCHITECTURES)
    decoders = [family for family in able(Ability.export_quantized) if family.generates]
    assert {name for family in decoders for name in family.classes} <= set(BUILDER_ARCHITECTURES)


def test_the_builders_failure_becomes_ours(llama: Path, context: Context, copy_of):
    source = copy_of(llama)
    config = (source / "config.json").read_text("utf-8")
    (source / "config.json").write_text(config.replace("LlamaForCausalLM", "MambaForCausalLM"), "utf-8")
    with pytest.raises(PassError, match="not currently supported") as caught:
        Export().run(context, model=HFModel(source, ""))
    assert caught.value.code == "E0730"


def test_what_the_disk_refuses_is_said(llama: Path, context: Context, tmp_path: Path):
    (tmp_path / "file").write_text("in the way", "utf-8")
    context.staging = tmp_path / "file" / "staging"
    with pytest.raises(PassError, match="could not be written") as caught:
        Export().run(context, model=HFModel(llama, ""))
    assert caught.value.code == "E0738"


def test_every_code_of_the_pass_is_explained():
    folder = Path(inspect.getfile(Export)).parent
    text = "".join(file.read_text("utf-8") for file in folder.glob("*.py"))
    used = set(re.findall(r"E07\d\d", text))
    assert used
    assert used <= set(CODES)


def test_the_estimate_grows_with_the_model(llama: Path):
    small = ModelSpec.from_folder(llama)
    large = replace(small, layers=40, hidden=2048, intermediate=8192)
    assert Export().estimate(large, None).seconds > Export().estimate(small, None).seconds  # type: ignore[arg-type]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(source: Path, context: Context) -> dict:
    """What the pass does, on a short corpus."""
    facts = build(source, _made(context.staging), context.scratch, context.log)
    return {**facts, **verify(context.staging, source, documents=DOCUMENTS)}
