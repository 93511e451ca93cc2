"""Which runtime opens what; packages add theirs by entry point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infopt_compiler import plugins
from infopt_compiler.artifacts import KINDS, HFModel, OnnxModel, QuantizedModel, TextData
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.plugins import BadPlugin
from infopt_compiler.runtimes import registry
from infopt_compiler.runtimes.registry import BUILT_IN, find_runtime, server_of

CONFIG = '{"model_type": "%s", "architectures": ["X"]}'
SCRATCH_RUNTIME = """
from infopt_compiler.artifacts.layouts import INTEGER_ENCODER
from infopt_compiler.runtimes.protocol import Answers, Runtime
RUNTIME = Runtime("toy", (INTEGER_ENCODER,), "toy_runtime:Toy", ("toy-package",), Answers.vectors)
class Toy:
    def __init__(self, folder): self.folder = folder
"""


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / name.replace("_json", ".json").replace("_onnx", ".onnx")).write_text(text)
    return tmp_path


def test_every_layout_of_a_model_is_told_apart(tmp_path: Path) -> None:
    """The files that each kind of folder really has beside what tells its layout."""
    expected = {
        "onnxruntime-genai": (OnnxModel, {"genai_config_json": "{}", "model_onnx": "", "config_json": "{}"}),
        "onnxruntime": (OnnxModel, {"model_onnx": "", "config_json": CONFIG % "bert"}),
        "transformers": (HFModel, {"config_json": CONFIG % "llama"}),
        "transformers encoder": (HFModel, {"config_json": CONFIG % "bert"}),
    }
    for number, (name, (kind, files)) in enumerate(expected.items()):
        (place := tmp_path / str(number)).mkdir()
        assert server_of(kind(folder(place, **files), "")).name == name


def test_integers_are_scored_and_not_served(tmp_path: Path) -> None:
    artifact = QuantizedModel(folder(tmp_path, config_json=CONFIG % "llama"), "")
    assert registry.scorer_of(artifact).name == "transformers"
    with pytest.raises(DiagnosticError, match="no runtime serves a decoder with integer weights"):
        server_of(artifact)


def test_an_empty_folder_and_a_text_have_no_runtime(tmp_path: Path) -> None:
    for artifact in (OnnxModel(tmp_path, ""), TextData(tmp_path, "")):
        with pytest.raises(DiagnosticError) as caught:
            registry.scorer_of(artifact)
        assert caught.value.diagnostics[0].code == "E0904"


def test_each_model_kind_is_scored_by_a_runtime() -> None:
    scored = {layout for one in BUILT_IN for layout in (*one.scores, *one.serves)}
    layouts = {layout for kind in KINDS.usable() for layout in kind.layouts}
    assert {layout.name for layout in layouts - scored} == {"an encoder with integer weights"}


def test_what_a_runtime_names_is_there() -> None:
    """Classes and functions are named as text, so that listing runtimes imports none of them."""
    for one in BUILT_IN:
        assert callable(one.opener())
        assert set(one.versions()) == set(one.distributions)


def test_listing_runtimes_imports_none() -> None:
    code = "import sys, infopt_compiler.runtimes.registry; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "onnxruntime", "onnxruntime_genai", "transformers", "numpy"} & set(loaded.split())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes an installed distribution with a runtime."""

    def install(points: str, module: str = SCRATCH_RUNTIME, name: str = "toy-package") -> None:
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.ENTRY_POINT_GROUP}]\n{points}\n")
        (tmp_path / "toy_runtime.py").write_text(module)
        monkeypatch.syspath_prepend(str(tmp_path))
        plugins.forget()

    yield install
    monkeypatch.undo()
    sys.modules.pop("toy_runtime", None)
    plugins.forget()


def integers(place: Path) -> QuantizedModel:
    return QuantizedModel(folder(place, config_json=CONFIG % "bert"), "")


def test_a_package_serves_what_nothing_built_in_does(package, tmp_path: Path) -> None:
    artifact = integers(tmp_path)
    with pytest.raises(DiagnosticError, match="no runtime serves an encoder with integer weights"):
        server_of(artifact)
    package("toy = toy_runtime:RUNTIME")
    runtime = server_of(artifact)
    assert runtime.name == "toy" and runtime.versions() == {"toy-package": "1.0"}
    assert runtime.opener()(tmp_path).folder == tmp_path


@pytest.mark.parametrize(
    ("points", "module", "said"),
    [
        (
            "toy = toy_runtime:RUNTIME",
            "import a_library_that_is_missing",
            "cannot be imported: ModuleNotFoundError",
        ),
        ("other = toy_runtime:RUNTIME", SCRATCH_RUNTIME, "calls itself `toy`"),
        ("toy = toy_runtime:RUNTIME", "RUNTIME = 3", "is no `Runtime`"),
        ("ranks = toy_runtime:RUNTIME", SCRATCH_RUNTIME, "twice: in infopt-compile and in toy-package"),
    ],
)
def test_a_package_that_cannot_be_used_is_told_and_the_others_work(
    package, tmp_path: Path, points: str, module: str, said: str
) -> None:
    package(points, module)
    with pytest.raises(BadPlugin, match=said):
        find_runtime(points.split()[0])
    with pytest.raises(DiagnosticError) as caught:
        server_of(integers(tmp_path))
    notes = [note.message for note in caught.value.diagnostics[0].notes]
    assert len(notes) == 1 and said in notes[0] and "toy-package" in notes[0]
    (place := tmp_path / "float").mkdir()
    assert server_of(HFModel(folder(place, config_json=CONFIG % "llama"), "")).name == "transformers"
