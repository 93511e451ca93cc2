"""The recipes of `shard`, as a user checks and plans them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from infopt_compiler.cli import main

RECIPES = Path(__file__).parents[2] / "recipes"
LLAMA = str(RECIPES / "llama70b-p5.opt")


def planned(capsys, *words: str) -> dict[str, object]:
    assert main(["plan", LLAMA, *words, "--json"]) in (0, 3)
    return json.loads(capsys.readouterr().out)["outlines"]["parts"]


@pytest.mark.parametrize(
    ("words", "mesh", "said"),
    [
        ((), {"tensor": 4, "data": 2}, "inside a machine, over NVLink"),
        (
            ("target=p5_48xlarge_x2", "parts.data=1"),
            {"tensor": 8, "pipeline": 2},
            "across machines, over EFA",
        ),
        (
            ("target=g5_48xlarge", "scenario.assistant.concurrency=32"),
            {"tensor": 4, "pipeline": 2},
            "pipeline 2, over PCIe",
        ),
    ],
)
def test_llama_70b_is_planned_without_weights_in_two_seconds(capsys, words, mesh, said):
    start = time.process_time()
    found = planned(capsys, *words)
    assert time.process_time() - start < 2.0
    best = {name: degree for name, degree in found["rows"][0]["mesh"].items() if degree > 1}
    assert best == mesh
    assert any(said in line for line in found["notes"])


def test_the_table_is_printed(capsys):
    main(["plan", LLAMA])
    text = capsys.readouterr().out
    for word in ("memory a device", "exchange", "bubble", "balance", "refused:", "tensor 4 x data 2"):
        assert word in text


def test_a_build_without_weights_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([LLAMA]) == 1
    assert "error[E0614]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("parts.tensor=16",), "E0770"),
        (("parts.tensor=8", "parts.data=2"), "E0772"),
        (("target=g5_48xlarge",), "E0773"),
        (("target=h100",), "E0773"),
        (("parts.experts=2",), "E0770"),
        (("parts.tensor=two",), "E0201"),
    ],
)
def test_what_cannot_be_is_refused_at_check(capsys, words, code):
    assert main(["check", LLAMA, *words]) == (2 if code == "E0201" else 1)  # 2: the override itself is wrong
    assert f"error[{code}]" in capsys.readouterr().err


def test_a_group_that_would_be_cut_is_refused_at_check(capsys, tmp_path):
    model = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 576, "intermediate_size": 1536,
             "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 1000}  # fmt: skip
    (tmp_path / "tiny.json").write_text(json.dumps(model))
    recipe = tmp_path / "cut.opt"
    recipe.write_text(
        'model m = "file:tiny.json"\nq = quantize(m, method = rtn, group = 64, symmetric = false)\n'
        "parts = shard(q, tensor = 3)\n"
    )
    assert main(["check", str(recipe)]) == 1
    assert "error[E0771]: degree 3 cuts a byte of zero points" in capsys.readouterr().err
    assert main(["check", str(recipe), "q.group=32"]) == 0


def test_more_processes_than_this_machine_may_start_are_refused_at_check(capsys, tmp_path):
    model = {"model_type": "llama", "num_hidden_layers": 30, "hidden_size": 576, "intermediate_size": 1536,
             "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 1000}  # fmt: skip
    (tmp_path / "tiny.json").write_text(json.dumps(model))
    recipe = tmp_path / "many.opt"
    recipe.write_text('model m = "file:tiny.json"\nparts = shard(m, tensor = 3, pipeline = 30)\n')
    assert main(["check", str(recipe)]) == 1
    said = "error[E0772]: tensor 3 x pipeline 30 takes 90 devices, 64 processes of this machine at most"
    assert said in capsys.readouterr().err
    assert main(["check", str(recipe), "parts.pipeline=21"]) == 0


@pytest.mark.parametrize("name", ["smollm2-tp3", "smollm2-pp2", "smollm2-w4-tp3"])
def test_recipes_are_right(name):
    assert main(["check", str(RECIPES / f"{name}.opt")]) == 0
