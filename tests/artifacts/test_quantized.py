"""The folder of a quantized model, read back: the numbers that the layout means."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from infopt_compiler.artifacts.quantized import dequantize_folder, unpack


def folder(path: Path, tensors: dict[str, np.ndarray], **config: object) -> Path:
    described = {"quant_method": "olive", "bits": 4, "group_size": 2, "symmetric": True, "overrides": {}}
    (path / "config.json").write_text(json.dumps({"quantization_config": {**described, **config}}))
    save_file(tensors, path / "model.safetensors")
    return path


def test_unpack_takes_the_lower_bits_first_and_drops_the_filling() -> None:
    packed = np.array([[0x21, 0x03]], np.uint8)
    assert unpack(packed, 4, 3).tolist() == [[1, 2, 3]]
    assert unpack(packed, 8, 2).tolist() == [[0x21, 0x03]]


def test_symmetric_integers_are_centred_and_scales_may_be_negative(tmp_path: Path) -> None:
    tensors = {
        "a.qweight": np.array([[0x80, 0xF9]], np.uint8),
        "a.scales": np.array([[-0.5, 2.0]], np.float32),
        "a.bias": np.array([3.0], np.float32),
    }
    values = dict(dequantize_folder(folder(tmp_path, tensors)))
    assert values["a.weight"].tolist() == [[4.0, 0.0, 2.0, 14.0]]
    assert values["a.bias"].tolist() == [3.0]
    assert set(values) == {"a.weight", "a.bias"}


def test_zero_points_are_packed_per_row(tmp_path: Path) -> None:
    tensors = {
        "a.qweight": np.array([[0x21, 0x43], [0x65, 0x87]], np.uint8),
        "a.scales": np.ones((2, 2), np.float32),
        "a.qzeros": np.array([[0x31], [0x75]], np.uint8),
    }
    values = dict(dequantize_folder(folder(tmp_path, tensors, symmetric=False)))
    assert values["a.weight"].tolist() == [[0, 1, 0, 1], [0, 1, 0, 1]]


@pytest.mark.parametrize("head", ["lm_head", "model.head"])
def test_a_module_may_have_bits_and_groups_of_its_own(tmp_path: Path, head: str) -> None:
    tensors = {
        f"{head}.qweight": np.array([[128, 129, 0, 255]], np.uint8),
        f"{head}.scales": np.array([[0.25]], np.float32),
    }
    override = {head: {"bits": 8, "group_size": 4, "symmetric": True}}
    values = dict(dequantize_folder(folder(tmp_path, tensors, overrides=override)))
    assert values[f"{head}.weight"].tolist() == [[0, 0.25, -32.0, 31.75]]
