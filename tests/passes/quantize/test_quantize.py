"""The pass's contract: static problems, formats, estimates, and a run through handles."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infopt_compiler.artifacts import DataSpec, Document, HFModel, ModelSpec, TextData
from infopt_compiler.artifacts.text import write_text_data
from infopt_compiler.passes.quantize import Quantize
from infopt_compiler.passes.quantize.errors import BadModel, NoCalibration
from infopt_compiler.passes.quantize.estimate import disk_bytes
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.targets.model import Target

from .conftest import save_tiny

SMOLLM2 = ModelSpec.from_config(
    {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": 30,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    }
)
HERE = Target("here", 24e9, 33e9, 130e9, 0.1, 2, here=True)


@dataclass
class Context:
    staging: Path
    scratch: Path
    threads: int = 1
    seed: int = 0
    target: Target = HERE
    seen: list[float] = field(default_factory=list)

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.seen.append(done / total)

    def log(self, message: str) -> None:
        """Nothing is logged."""


def test_it_is_registered_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from infopt_compiler.passes.registry import find_pass; q = find_pass('quantize')();"
        "print([m for m in ('torch', 'transformers', 'numpy', 'safetensors') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    assert find_pass("quantize") is Quantize


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [({"group": 128}, "group"), ({"head_group": 256}, "head_group"), ({}, None), ({"group": 64}, None)],
)
def test_a_group_must_divide_the_inputs(settings: dict[str, Any], parameter: str | None) -> None:
    problems = list(Quantize(**settings).check(SMOLLM2))
    assert [problem.parameter for problem in problems] == ([parameter] if parameter else [])
    if problems:
        assert "16, 32, 64" in (problems[0].help or "")


def test_an_unknown_architecture_is_a_problem() -> None:
    config = {**SMOLLM2.__dict__, "model_type": "gpt2"}
    problem = next(iter(Quantize().check(ModelSpec(**config))))
    assert "gpt2" in problem.message
    assert list(Quantize().check(None)) == []


def test_gptq_without_text_is_a_static_problem() -> None:
    problem = next(iter(Quantize().check_inputs({"model": 1})))
    assert problem.code == "E0712" and "calibrate" in (problem.help or "")
    assert not list(Quantize().check_inputs({"model": 1, "calibrate": 1}))
    assert not list(Quantize(method="rtn").check_inputs({"model": 1}))


def test_four_bits_and_an_eight_bit_table_are_under_the_size_wanted() -> None:
    spec = Quantize().transform(SMOLLM2)
    assert 95e6 < spec.weight_bytes < 105e6
    assert spec.embedding_bytes == 0


def test_estimates_grow_with_the_work() -> None:
    def estimate(**settings: Any) -> Any:
        return Quantize(**settings).estimate(SMOLLM2, HERE)

    plain, gptq, corrected = estimate(method="rtn"), estimate(reference=0), estimate(reference=16)
    assert plain.seconds < gptq.seconds < corrected.seconds < estimate(head_bits=4).seconds
    assert plain.peak_rss_bytes <= gptq.peak_rss_bytes <= corrected.peak_rss_bytes < 1.5e9


def text_data(folder: Path, words: int) -> TextData:
    text = " ".join(f"w{(7 * k * k + k) % 90}" for k in range(words))
    write_text_data(folder, [Document("d", text)], DataSpec(window=32, sample=6, seed=0))
    return TextData(folder, "")


def word_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {f"w{k}": k for k in range(90)} | {"?": 90}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("settings", [{}, {"method": "rtn"}, {"bits": 8, "symmetric": False}])
def test_run_writes_the_bytes_that_were_estimated(tmp_path: Path, settings: dict[str, Any]) -> None:
    source = save_tiny(tmp_path / "model")
    word_tokenizer(source)
    quantize = Quantize(**{"group": 16, **settings})
    context = Context(tmp_path / "out", tmp_path)
    context.staging.mkdir()
    facts = quantize.run(context, model=HFModel(source, ""), calibrate=text_data(tmp_path / "data", 900))
    json.dumps(facts)
    assert context.seen == sorted(context.seen) and context.seen[-1] == 1
    assert (context.staging / "tokenizer.json").exists()
    spec = ModelSpec.from_folder(source)
    tensors = sum(_tensor_bytes(file) for file in context.staging.rglob("*.safetensors"))
    assert tensors == disk_bytes(spec, quantize.transform(spec))


def _tensor_bytes(file: Path) -> int:
    from safetensors.torch import load_file

    return sum(tensor.nbytes for tensor in load_file(file).values())


def test_run_refuses_too_little_text_and_a_missing_tokenizer(tmp_path: Path) -> None:
    source = save_tiny(tmp_path / "model")
    context = Context(tmp_path / "out", tmp_path)
    context.staging.mkdir()
    word_tokenizer(source)
    with pytest.raises(NoCalibration):
        Quantize(group=16).run(context, model=HFModel(source, ""), calibrate=text_data(tmp_path / "short", 8))
    with pytest.raises(NoCalibration):
        Quantize(group=16).run(context, model=HFModel(source, ""), calibrate=None)
    (source / "tokenizer.json").unlink()
    with pytest.raises(BadModel):
        Quantize(group=16).run(
            context, model=HFModel(source, ""), calibrate=text_data(tmp_path / "long", 900)
        )
