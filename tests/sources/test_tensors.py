"""Weights as streams: every float type becomes the float32 that torch makes of it."""

from __future__ import annotations

import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from infopt_compiler.sources import SourceError
from infopt_compiler.sources.tensors import read_tensors, write_float32


def quiet(done: float, total: float, message: str) -> None:
    assert done <= total


def test_shards_of_all_types_become_one_float32_file(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(7, 5) * 100
    one = {"a": x.bfloat16(), "b": x.half(), "empty": torch.zeros(0, 4)}
    two = {"c": x.double(), "d": x, "ids": torch.arange(9), "scalar": torch.tensor(1.5)}
    save_file(one, tmp_path / "1.safetensors")
    save_file(two, tmp_path / "2.safetensors")
    kinds = write_float32([tmp_path / "1.safetensors", tmp_path / "2.safetensors"], tmp_path / "out", quiet)
    assert kinds == {"BF16": 1, "F16": 1, "F32": 3, "F64": 1, "I64": 1}
    found = load_file(tmp_path / "out")
    for name, tensor in {**one, **two}.items():
        expected = tensor.float() if tensor.is_floating_point() else tensor
        assert torch.equal(found[name], expected) and found[name].dtype == expected.dtype


@pytest.mark.parametrize("keep", [0, 5, 30, 200, -1])
def test_a_file_that_is_cut_short(tmp_path, keep):
    save_file({"a": torch.randn(50, 50)}, tmp_path / "a.safetensors")
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(whole[:keep])
    with pytest.raises(SourceError) as wrong:
        read_tensors(tmp_path / "a.safetensors")
    assert wrong.value.code in ("E0605", "E0606")


@pytest.mark.parametrize(
    "row",
    [
        {},
        3,
        {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
    ],
)
def test_a_header_that_says_nonsense(tmp_path, row):
    header = json.dumps({"a": row}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    with pytest.raises(SourceError) as wrong:
        read_tensors(tmp_path / "a.safetensors")
    assert wrong.value.code == "E0606"


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    with pytest.raises(SourceError) as wrong:
        read_tensors(tmp_path / "a.safetensors")
    assert wrong.value.code == "E0606"


def test_two_tensors_of_one_name(tmp_path):
    for name in "12":
        save_file({"a": torch.zeros(1)}, tmp_path / name)
    with pytest.raises(SourceError, match="same name"):
        write_float32([tmp_path / "1", tmp_path / "2"], tmp_path / "out", quiet)
