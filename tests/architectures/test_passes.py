"""What passes compute by a description is what transformers computes: every family, in every pass that takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from infopt_compiler.architectures import Ability, able, find_family
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.decoder import (
    embed,
    finish,
    head_weight,
    load_decoder,
    run_layers,
)
from infopt_compiler.passes.distill.qat_weights import QatWeights, load_quantized
from infopt_compiler.passes.distill.students.plan import choose_shape
from infopt_compiler.passes.distill.students.prune import prune_folder
from infopt_compiler.passes.distill.students.refit import refit
from infopt_compiler.passes.export.build import build
from infopt_compiler.passes.export.graph import Graph
from infopt_compiler.passes.export.logits import TOLERANCE, compare_logits
from infopt_compiler.passes.export.olive import QuantizedFolder
from infopt_compiler.passes.export.weights import compare_weights
from infopt_compiler.passes.quantize.compress import quantize_folder
from infopt_compiler.passes.quantize.decoder import Decoder
from infopt_compiler.passes.quantize.folder import Formats
from infopt_compiler.passes.quantize.grid import Grid
from infopt_compiler.passes.quantize.methods.rtn import RoundToNearest
from infopt_compiler.passes.quantize.moments import Moments
from infopt_compiler.passes.quantize.settings import Settings
from infopt_compiler.passes.quantize.streams import Streams
from infopt_compiler.passes.shard.run.reference import reference_logits
from tests.architectures.tiny import NOT_BUILT, write_model
from tests.passes.shard.run.alone import require_equal

EIGHT = Grid(8, 32, True)
ROUNDED = Settings(Formats(Grid(4, 16, False), EIGHT, EIGHT, tied=True), RoundToNearest())
WINDOWS = torch.randint(3, 290, (6, 24), generator=torch.Generator().manual_seed(1))


def decoders(ability: Ability) -> list[str]:
    return [family.name for family in able(ability) if family.generates]


def quiet(*told: Any) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Model folders by family, made once."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            place = tmp_path_factory.mktemp("families") / name
            made[name] = write_model(place, find_family(name), tie_word_embeddings=True)
        return made[name]

    return folder


def reference(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


@pytest.mark.parametrize("name", decoders(Ability.quantize))
@torch.no_grad()
def test_quantize_sees_what_transformers_computes(name: str, folders: Any) -> None:
    """`mistral` here has a window of 9 tokens; calibration looks at less than real windows hold."""
    decoder, ids = Decoder(folders(name)), WINDOWS[:, :9]
    hidden = decoder.weights.read(decoder.embedding)[ids] * decoder.numbers.embedding_scale
    streams = Streams(decoder, hidden.clone(), hidden[:2].clone(), Moments)
    for index in range(decoder.layers):
        tensors = decoder.layer_tensors(index)
        streams.replay(decoder.layer(index, tensors), decoder.layer(index, tensors))
    theirs = reference(folders(name)).base_model(ids).last_hidden_state
    torch.testing.assert_close(decoder.final_norm()(streams.h_NSD), theirs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(streams.reference_MSD, streams.h_NSD[:2])


@pytest.mark.parametrize("name", decoders(Ability.export_quantized))
def test_a_quantized_model_is_exported_with_its_integers(name: str, folders: Any, tmp_path: Path) -> None:
    source = folders(name)
    if name in NOT_BUILT:
        source = write_model(
            tmp_path / "model", find_family(name), tie_word_embeddings=True, **NOT_BUILT[name]
        )
    integers, artifact = tmp_path / "integers", tmp_path / "artifact"
    integers.mkdir()
    artifact.mkdir()
    quantize_folder(source, integers, ROUNDED, None, quiet)
    build(integers, artifact, tmp_path, quiet)
    compared = compare_weights(Graph(artifact), QuantizedFolder(integers))
    assert compared["weights_compared"] >= ModelSpec.from_folder(integers).linear_parameters
    agreement = compare_logits(artifact, integers, [WINDOWS[0].tolist()], TOLERANCE)
    assert agreement.positions >= WINDOWS.shape[1]


@pytest.mark.parametrize("name", decoders(Ability.shard))
def test_the_runtime_of_shards_computes_the_same(name: str, folders: Any, tmp_path: Path) -> None:
    require_equal(folders(name), tmp_path, (40, 7))


@pytest.mark.parametrize("name", decoders(Ability.shard))
@torch.no_grad()
def test_what_shards_are_proven_against_is_transformers(name: str, folders: Any) -> None:
    """The proof runs transformers' layers one by one, and applies the head itself."""
    ids, found = WINDOWS[0, :9].tolist(), []
    reference_logits(folders(name), "float32", [ids], lambda row, first, logits: found.append(logits))
    theirs = reference(folders(name))(torch.tensor([ids])).logits[0]
    torch.testing.assert_close(torch.cat(found), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", decoders(Ability.distill))
@torch.no_grad()
def test_distill_trains_on_the_logits_of_transformers(name: str, folders: Any) -> None:
    model, ids = load_decoder(folders(name)), WINDOWS[:, :9]
    logits = finish(model, run_layers(model, embed(model, ids), 0)) @ head_weight(model).T
    theirs = reference(folders(name))(ids).logits[:, :-1].flatten(0, 1)
    torch.testing.assert_close(logits, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", decoders(Ability.distill))
def test_a_student_is_cut_out_of_it(name: str, folders: Any, tmp_path: Path) -> None:
    """Narrower by half, fitted to its teacher: nearer than as it was cut, and a model that transformers reads."""
    spec = ModelSpec.from_folder(folders(name))
    shape = choose_shape(spec, layers=1, width=0.5)
    facts = prune_folder(folders(name), shape, WINDOWS, tmp_path / "student", quiet)
    assert facts["divergence_fitted"] < facts["divergence_cut"]
    model = reference(tmp_path / "student")
    assert sum(parameter.numel() for parameter in model.parameters()) == shape.spec(spec).parameters


@pytest.mark.parametrize("name", sorted({*decoders(Ability.distill)} & {*decoders(Ability.quantize)}))
def test_integers_are_fitted_to_the_teacher(name: str, folders: Any, tmp_path: Path) -> None:
    quantize_folder(folders(name), tmp_path, ROUNDED, None, quiet)
    teacher, student = load_decoder(folders(name)), load_quantized(tmp_path)
    weights = QatWeights(student, tmp_path, teacher, head=True, floats16=False)
    weights.weights_changed()
    with torch.no_grad():
        before = float((teacher(WINDOWS).logits - student(WINDOWS).logits).square().mean())
        left = refit(teacher, student, weights, WINDOWS, quiet)
        after = float((teacher(WINDOWS).logits - student(WINDOWS).logits).square().mean())
    assert all(share < 1 for share in left)
    assert after < before
