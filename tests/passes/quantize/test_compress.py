"""The whole pass on tiny real decoders: the forward in pieces, the folder, resuming, the head and the embedding."""

from __future__ import annotations

import hashlib
import json
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from infopt_compiler.artifacts import HFModel, ModelSpec
from infopt_compiler.artifacts.quantized import dequantize_folder
from infopt_compiler.diagnostics.codes import CODES
from infopt_compiler.passes.quantize import tables
from infopt_compiler.passes.quantize.compress import quantize_folder
from infopt_compiler.passes.quantize.decoder import Decoder
from infopt_compiler.passes.quantize.errors import BadModel, CannotWrite, NoCalibration, NonFinite
from infopt_compiler.passes.quantize.folder import Formats
from infopt_compiler.passes.quantize.grid import Grid
from infopt_compiler.passes.quantize.layers import layer_file
from infopt_compiler.passes.quantize.methods.gptq import Gptq
from infopt_compiler.passes.quantize.methods.rtn import RoundToNearest
from infopt_compiler.passes.quantize.moments import Moments
from infopt_compiler.passes.quantize.packing import unpack_linear
from infopt_compiler.passes.quantize.quantize import Quantize
from infopt_compiler.passes.quantize.settings import Settings
from infopt_compiler.passes.quantize.streams import Streams

from .conftest import save_tiny

FOUR, EIGHT = Grid(4, 16, True), Grid(8, 32, True)
SHARED = Settings(Formats(FOUR, EIGHT, EIGHT, True), Gptq(reference=4))
NEAREST = replace(SHARED, method=RoundToNearest())
FAMILIES = ["llama", "mistral", "qwen2", "qwen3"]


def quiet(done: float, total: float, message: str) -> None:
    """No progress."""


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def values_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in dequantize_folder(folder)}


def quantized_model(source: Path, folder: Path) -> Any:
    """The source's model with the values that the quantized folder stands for."""
    model = load(source)
    state = values_of(folder)
    state.setdefault("lm_head.weight", state["model.embed_tokens.weight"])
    model.load_state_dict(state)
    return model


@torch.no_grad()
def kl(reference: Any, model: Any, ids: torch.Tensor) -> float:
    p, q = (m(ids).logits.double().log_softmax(-1) for m in (reference, model))
    return float((p.exp() * (p - q)).sum(-1).mean())


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_the_forward_in_pieces_is_transformers_forward(
    family: str, tmp_path: Path, windows: torch.Tensor
) -> None:
    source = save_tiny(tmp_path / family, family, tied=False)
    decoder = Decoder(source)
    hidden = decoder.weights.read("model.embed_tokens.weight")[windows]
    streams = Streams(decoder, hidden.clone(), hidden[:0].clone(), Moments)
    for index in range(decoder.layers):
        tensors = decoder.layer_tensors(index)
        streams.replay(decoder.layer(index, tensors), decoder.layer(index, tensors))
    mine = decoder.final_norm()(streams.h_NSD)
    theirs = load(source).model(windows).last_hidden_state
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_gptq_loses_less_than_rounding(family: str, tmp_path: Path, windows: torch.Tensor) -> None:
    source = save_tiny(tmp_path / family, family)
    reference = load(source)
    losses = []
    for settings in (SHARED, NEAREST):
        out = tmp_path / f"out{len(losses)}"
        quantize_folder(source, out, settings, windows, quiet)
        losses.append(kl(reference, quantized_model(source, out), windows))
    assert 0 < losses[0] < 0.7 * losses[1]


@pytest.mark.parametrize("reference_windows", [0, 4, 99])
def test_a_killed_run_goes_on_to_the_same_bytes(
    tiny_llama: Path, windows: torch.Tensor, tmp_path: Path, reference_windows: int
) -> None:
    settings = replace(SHARED, method=Gptq(reference=reference_windows))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    quantize_folder(tiny_llama, whole, settings, windows, quiet)
    given = {"model": HFModel(tiny_llama, "")}
    killed.mkdir()
    assert Quantize().resumes_at(killed, given) is None

    def die(done: float, total: float, message: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize_folder(tiny_llama, killed, settings, windows, die)
    assert (killed / layer_file(0)).exists() and not (killed / layer_file(1)).exists()
    layers = ModelSpec.from_folder(tiny_llama).layers
    assert Quantize().resumes_at(killed, given) == f"layer 2 of {layers}"
    first = (killed / layer_file(0)).stat().st_mtime_ns
    quantize_folder(tiny_llama, killed, settings, windows, quiet)
    assert (killed / layer_file(0)).stat().st_mtime_ns == first
    assert digest(killed) == digest(whole)
    assert Quantize().resumes_at(killed, given) == "head and embedding"


def test_the_folder_says_what_it_holds(tiny_llama: Path, windows: torch.Tensor, tmp_path: Path) -> None:
    quantize_folder(tiny_llama, tmp_path, SHARED, windows, quiet)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["quantization_config"] == {
        "quant_method": "olive",
        "bits": 4,
        "group_size": 16,
        "symmetric": True,
        "overrides": {"lm_head": {"bits": 8, "group_size": 32, "symmetric": True}},
        "embedding": {"bits": 8, "group_size": 32, "symmetric": True, "shared_with_head": True},
    }
    assert config["tie_word_embeddings"] is True
    tensors: dict[str, torch.Tensor] = {}
    for shard in tmp_path.glob("*.safetensors"):
        tensors |= load_file(shard)
    assert tensors["model.layers.0.mlp.down_proj.qweight"].shape == (64, 64)
    assert tensors["lm_head.qweight"].shape == (96, 64)
    values = values_of(tmp_path)
    assert torch.equal(values["lm_head.weight"], values["model.embed_tokens.weight"])
    assert set(values) == {*load(tiny_llama).state_dict()} | {"lm_head.weight"}


@pytest.mark.parametrize("head", [None, EIGHT, Grid(4, 32, True)])
@pytest.mark.parametrize("embedding", [None, EIGHT])
def test_head_and_embedding_apart(
    tiny_llama: Path, windows: torch.Tensor, tmp_path: Path, head: Grid | None, embedding: Grid | None
) -> None:
    settings = replace(SHARED, formats=Formats(FOUR, head, embedding, True))
    quantize_folder(tiny_llama, tmp_path, settings, windows, quiet)
    values = values_of(tmp_path)
    exact = load(tiny_llama).state_dict()["model.embed_tokens.weight"]
    assert torch.equal(values["model.embed_tokens.weight"], exact) is (embedding is None)
    assert torch.equal(values.get("lm_head.weight", exact), exact) is (head is None)
    assert (tmp_path / "embedding" / "table.safetensors").exists() is (
        embedding is not None and embedding != head
    )
    assert kl(load(tiny_llama), quantized_model(tiny_llama, tmp_path), windows) < 0.2


@torch.no_grad()
def test_a_head_of_four_bits_is_solved_for_what_it_sees(
    tiny_llama: Path, windows: torch.Tensor, tmp_path: Path
) -> None:
    """Against rounding the same head to nearest: less error in its outputs, over the same quantized layers."""
    head = Grid(4, 32, True)
    gptq = replace(SHARED, formats=Formats(FOUR, head, EIGHT, True))
    quantize_folder(tiny_llama, tmp_path / "gptq", gptq, windows, quiet)
    quantize_folder(tiny_llama, tmp_path / "rtn", replace(gptq, method=RoundToNearest()), None, quiet)
    exact = load(tiny_llama).state_dict()["model.embed_tokens.weight"]
    seen = quantized_model(tiny_llama, tmp_path / "gptq").model(windows).last_hidden_state.flatten(0, 1)
    solved, nearest = (
        (seen @ (values_of(tmp_path / way)["lm_head.weight"] - exact).T).square().sum()
        for way in ("gptq", "rtn")
    )
    assert solved < 0.7 * nearest


def test_the_tables_come_out_alike_in_one_slab_and_in_many(
    tiny_llama: Path, windows: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SHARED, formats=Formats(FOUR, Grid(4, 32, True), EIGHT, True))
    before = digest(tiny_llama)
    quantize_folder(tiny_llama, tmp_path / "one", settings, windows, quiet)
    monkeypatch.setattr(tables, "SLAB_ROWS", 40)
    quantize_folder(tiny_llama, tmp_path / "many", settings, windows, quiet)
    one, many = values_of(tmp_path / "one"), values_of(tmp_path / "many")
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        # Sums of another order can tip an integer that lies halfway between two.
        assert (one[name] - many[name]).norm() < 0.01 * one[name].norm()
    table = load_file(tmp_path / "many" / "embedding" / "table.safetensors")
    stored = unpack_linear("model.embed_tokens", table, EIGHT)
    assert torch.equal(stored, many["model.embed_tokens.weight"])
    assert digest(tiny_llama) == before


def test_eight_bits_are_close_to_lossless(tiny_llama: Path, windows: torch.Tensor, tmp_path: Path) -> None:
    settings = replace(SHARED, formats=Formats(Grid(8, 32, True), EIGHT, EIGHT, True))
    quantize_folder(tiny_llama, tmp_path, settings, windows, quiet)
    assert kl(load(tiny_llama), quantized_model(tiny_llama, tmp_path), windows) < 1e-3


def test_errors_are_typed(tiny_llama: Path, windows: torch.Tensor, tmp_path: Path) -> None:
    with pytest.raises(NoCalibration):
        quantize_folder(tiny_llama, tmp_path / "a", SHARED, None, quiet)
    tensors = load_file(tiny_llama / "model.safetensors")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text((tiny_llama / "config.json").read_text())
    name = "model.layers.1.mlp.up_proj.weight"
    save_file({**tensors, name: tensors[name] * float("nan")}, broken / "model.safetensors")
    with pytest.raises(NonFinite, match="up_proj"):
        quantize_folder(broken, tmp_path / "b", SHARED, windows, quiet)
    save_file({**tensors, name: tensors[name][:5].contiguous()}, broken / "model.safetensors")
    with pytest.raises(BadModel, match="shape"):
        quantize_folder(broken, tmp_path / "c", SHARED, windows, quiet)
    save_file({key: value for key, value in tensors.items() if key != name}, broken / "model.safetensors")
    with pytest.raises(BadModel, match="no tensor"):
        quantize_folder(broken, tmp_path / "d", SHARED, windows, quiet)
    (broken / "model.safetensors").write_bytes((tiny_llama / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(BadModel, match="cut short"):
        quantize_folder(broken, tmp_path / "e", SHARED, windows, quiet)
    (broken / "model.safetensors").unlink()
    with pytest.raises(BadModel, match="safetensors"):
        quantize_folder(broken, tmp_path / "f", SHARED, windows, quiet)


def test_a_shard_that_cannot_be_written_leaves_nothing(
    tiny_llama: Path, windows: torch.Tensor, tmp_path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(CannotWrite):
            quantize_folder(tiny_llama, tmp_path, SHARED, windows, quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("symmetric", [True, False])
def test_what_is_read_back_is_what_was_solved(
    tiny_llama: Path, windows: torch.Tensor, tmp_path: Path, symmetric: bool
) -> None:
    grid = replace(FOUR, symmetric=symmetric)
    quantize_folder(
        tiny_llama, tmp_path, replace(SHARED, formats=Formats(grid, EIGHT, EIGHT, True)), windows, quiet
    )
    values = values_of(tmp_path)
    shard = load_file(tmp_path / layer_file(1))
    for name in ModelSpec.from_folder(tmp_path).linear_shapes():
        full = f"model.layers.1.{name}"
        assert torch.equal(values[f"{full}.weight"], unpack_linear(full, shard, grid))


def test_every_error_has_a_code_that_is_explained() -> None:
    for kind in (NonFinite, BadModel, NoCalibration, CannotWrite):
        assert CODES[kind("x").code].explanation
