"""The example package, installed by pip and used through the command line: a pass, a kind, a runtime, a method, an architecture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.recipes import QUICK
from tests.packages import infopt, install_example
from tests.passes.export.models import write_llama

pytestmark = pytest.mark.slow

RECIPE = """\
measure quick
model tiny = "file:tiny"
data prose = "file:prose.txt" { window = 32 tokens, sample = 4 }
scenario short { prompt = 8 tokens, generate = 4 tokens }
packed = pack(tiny, strip = true)
budget packed under short {
    size <= 10 MB
    memory.peak <= 8 GiB
    perplexity <= 101% of tiny on prose
}
"""
SMALL = """\
model tiny = "file:tiny"
packed = pack(tiny)
budget packed { size <= 10 MB }
"""
QUANTIZED = """\
model tiny = "file:example"
q = quantize(tiny, method = power_of_two, group = 32)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    install_example(folder / "packages")
    write_llama(folder / "tiny")
    (folder / "prose.txt").write_text(
        "".join(f"The pass number {k} reads and writes.\n\n" for k in range(90))
    )
    return folder


def test_a_kind_of_a_package_is_built_served_scored_and_shipped(place: Path) -> None:
    (place / "packed.opt").write_text(RECIPE)
    ran = infopt(place, place / "packages", "packed.opt", *QUICK, "measure.max_blocks=2")
    assert ran.returncode in (0, 4), ran.stdout + ran.stderr  # a busy machine settles less
    report = json.loads((place / "outputs/packed/latest/report.json").read_text("utf-8"))
    found = {row["metric"]: row for row in report["bounds"]}
    assert found["size"]["verdict"] == found["perplexity"]["verdict"] == "met"
    assert 50e6 < found["memory.peak"]["value"] < 8e9, "a process that served requests"
    assert [row["pass"] for row in report["passes"]][-1] == "pack"
    assert report["passes"][-1]["facts"]["packed"] > 3
    shipped = place / "outputs/packed/latest/artifact"
    assert sorted(file.name for file in shipped.iterdir()) == ["model.tar", "tokenizer.json"]
    assert sum(file.stat().st_size for file in shipped.iterdir()) == report["artifact"]["size_bytes"]
    again = infopt(place, place / "packages", "packed.opt", "--predict-only", *QUICK)
    last = json.loads((place / "outputs/packed/latest/report.json").read_text("utf-8"))
    assert all(row["cached"] for row in last["passes"]), again.stderr


def test_a_recipe_names_a_package_s_method_and_model_type(place: Path) -> None:
    """The architecture is Llama's under another name: without the package its tensors are not known."""
    write_llama(place / "example")
    config = json.loads((place / "example/config.json").read_text("utf-8"))
    config |= {"model_type": "example", "architectures": ["ExampleForCausalLM"]}
    (place / "example/config.json").write_text(json.dumps(config))
    (place / "quantized.opt").write_text(QUANTIZED)
    known = infopt(place, place / "packages", "check", "quantized.opt")
    assert known.returncode == 0, known.stderr
    unknown = infopt(place, place / "nowhere", "check", "quantized.opt")
    assert unknown.returncode == 1 and "`power_of_two` is none of the values of `method`" in unknown.stderr
    (place / "quantized.opt").write_text(QUANTIZED.replace("power_of_two", "rtn"))
    unknown = infopt(place, place / "nowhere", "check", "quantized.opt")
    assert unknown.returncode == 1 and "cannot quantize a `example` model" in unknown.stderr


def test_what_no_runtime_serves_is_told_before_anything_runs(place: Path, tmp_path: Path) -> None:
    """A kind without its runtime can be bounded by its size, and by nothing that takes a request."""
    for file in (place / "packages").rglob("*"):
        if file.is_file() and file.suffix != ".pyc":
            (copy := tmp_path / "packages" / file.relative_to(place / "packages")).parent.mkdir(
                parents=True, exist_ok=True
            )
            copy.write_bytes(file.read_bytes())
    points = next((tmp_path / "packages").glob("*.dist-info/entry_points.txt"))
    text = points.read_text("utf-8")
    points.write_text(text.replace("packed = infopt_example.runtime:RUNTIME", ""))
    (place / "packed.opt").write_text(RECIPE)
    ran = infopt(place, tmp_path / "packages", "check", "packed.opt")
    assert ran.returncode == 1
    assert (
        "no runtime serves a PackedModel" in ran.stderr
        and "no runtime scores text with a PackedModel" in ran.stderr
    )
    (place / "small.opt").write_text(SMALL)
    ran = infopt(place, tmp_path / "packages", "small.opt", *QUICK)
    assert ran.returncode == 0, ran.stdout + ran.stderr
