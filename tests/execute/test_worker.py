"""A worker starts in a fraction of a second: it imports neither the language nor the graph."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infopt_compiler.artifacts import HFModel, QuantizedModel
from infopt_compiler.execute.claims import check_inputs
from infopt_compiler.execute.worker import peak_rss_bytes
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.distill import Distill
from infopt_compiler.passes.quantize.quantize import Quantize


def test_a_worker_imports_what_it_needs():
    code = "import sys, infopt_compiler.execute.worker; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    for package in ("sema", "graph", "syntax", "config"):
        assert f"infopt_compiler.{package}" not in loaded
    assert not {"lark", "torch", "hydra", "numpy"} & set(loaded)


def test_memory_of_what_a_worker_starts_counts():
    before = peak_rss_bytes()
    held = before + 50_000_000
    subprocess.run([sys.executable, "-c", f"a = bytearray(b'x') * {held}"], check=True)
    assert peak_rss_bytes() >= held


def test_a_model_that_was_fetched_after_the_check_is_checked_before_it_is_worked_on(tmp_path: Path):
    config = {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 96, "intermediate_size": 192, "num_attention_heads": 2, "vocab_size": 64}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    inputs = {"model": HFModel(tmp_path, "0" * 64), "calibrate": None}
    check_inputs(Quantize(method="rtn", group=32), inputs)
    with pytest.raises(PassError, match="a group of 64 does not divide the input dimension 96") as caught:
        check_inputs(Quantize(method="rtn", group=64), inputs)
    assert caught.value.code == "E0410"


def test_of_two_models_the_one_that_shapes_the_result_is_checked(tmp_path: Path):
    """A teacher in floats beside a student in integers: `refit` speaks of the student."""
    config = {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 96, "intermediate_size": 192, "num_attention_heads": 2, "vocab_size": 64}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    stored = {"quant_method": "olive", "bits": 4, "group_size": 32, "symmetric": True}
    (tmp_path / "integers").mkdir()
    (tmp_path / "integers" / "config.json").write_text(json.dumps({**config, "quantization_config": stored}))
    floats, integers = HFModel(tmp_path, "0" * 64), QuantizedModel(tmp_path / "integers", "1" * 64)
    check_inputs(Distill(refit=True), {"teacher": floats, "student": integers, "text": ()})
    with pytest.raises(PassError, match="has none"):
        check_inputs(Distill(refit=True), {"teacher": floats, "student": floats, "text": ()})
