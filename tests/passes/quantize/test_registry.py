"""Methods by name: built-in ones are files, packages add their own, and what is wrong with one is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from infopt_compiler import plugins
from infopt_compiler.artifacts import HFModel
from infopt_compiler.passes.quantize import Quantize, registry
from infopt_compiler.passes.quantize.grid import Grid
from infopt_compiler.passes.quantize.method import Method
from infopt_compiler.passes.quantize.packing import unpack_linear
from infopt_compiler.passes.quantize.registry import find_method, make_method, method_names
from infopt_compiler.plugins import BadPlugin

from .conftest import save_tiny
from .test_quantize import Context

SIGNS = '''
"""Keeps the sign of every weight: a method that a test can tell from all others."""
from dataclasses import dataclass

from infopt_compiler.passes.base import Problem
from infopt_compiler.passes.quantize.method import Method


@dataclass(frozen=True, kw_only=True)
class Signs(Method):
    name = "signs"
    summary = "Keeps signs."
    bits: int = 4

    def problems(self, linear, head):
        if linear.bits != 4:
            yield Problem("signs are kept in 4 bits", "bits", "write `bits = 4`")

    def solve(self, w_KR, grid, seen):
        from infopt_compiler.passes.quantize.grid import minmax
        from infopt_compiler.passes.quantize.solve import Solved

        scales = minmax(w_KR, grid)
        return Solved(scales.zero_GR.repeat_interleave(grid.group, 0) + (w_KR > 0).float(), scales, grid, 1.0)
'''
RECIPE = """model base = "file:{folder}"
q = quantize(base, method = {method}, bits = {bits}, group = 16, head_group = 16)
"""


def install(folder: Path, package: str, entry: str, module: str = SIGNS) -> None:
    """A distribution as pip leaves it: a module and its metadata."""
    folder.mkdir(exist_ok=True)
    (folder / f"{package}.py").write_text(module)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.ENTRY_POINT_GROUP}]\n{entry}\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    plugins.forget()
    yield tmp_path / "packages"
    monkeypatch.undo()
    plugins.forget()


def test_listing_imports_no_method_and_asking_one_no_torch() -> None:
    code = (
        "import sys; from infopt_compiler.passes.quantize.registry import find_method, method_names;"
        "names = method_names(); loaded = [m for m in sys.modules if '.methods.' in m];"
        "[find_method(name) for name in names]; print(loaded, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[] False False"


@pytest.mark.parametrize("name", method_names())
def test_every_method_says_what_it_is(name: str) -> None:
    method = find_method(name)
    assert issubclass(method, Method) and method.name == name and method.summary.endswith(".")
    assert make_method(name, vars(Quantize())).name == name


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("name", method_names())
def test_every_method_stays_on_the_lattice(name: str, symmetric: bool) -> None:
    """Whole integers and zero points in range, finite scales, and less error than weights have energy."""
    w_KR = torch.randn(64, 24, generator=torch.Generator().manual_seed(3))
    method, grid, seen = make_method(name, vars(Quantize())), Grid(4, 16, symmetric), None
    if method.calibrated:
        seen = method.observer(64)
        seen.add(torch.randn(300, 64, generator=torch.Generator().manual_seed(4)))
    solved = method.solve(w_KR.clone(), grid, seen)
    for whole in (solved.q_KR, solved.scales.zero_GR):
        assert torch.equal(whole, whole.round().clamp(0, 15))
    assert solved.scales.scale_GR.shape == (4, 24) and bool(torch.isfinite(solved.scales.scale_GR).all())
    assert not symmetric or bool((solved.scales.zero_GR == 8).all())
    error = float((solved.values().T - w_KR).square().sum() / w_KR.square().sum())
    assert 0 < error < 0.05
    assert solved.relative_error == pytest.approx(error, rel=0.5)


def test_a_package_s_method_writes_the_artifact(packages: Path, tmp_path: Path) -> None:
    install(packages, "signs_package", "signs = signs_package:Signs")
    assert "signs" in method_names()
    source = save_tiny(tmp_path / "model")
    context = Context(tmp_path / "out", tmp_path)
    context.staging.mkdir()
    quantize = Quantize(method="signs", group=16)
    assert list(quantize.check(None)) == []
    assert [problem.parameter for problem in Quantize(method="signs", bits=8).check(None)] == ["bits"]
    assert quantize.shaping_libraries() == (*Quantize.libraries, "signs_package")
    quantize.run(context, model=HFModel(source, ""), calibrate=None)
    from safetensors.torch import load_file

    name = "model.layers.0.mlp.down_proj"
    written = load_file(context.staging / "model-layer-00000.safetensors")
    original = load_file(source / "model.safetensors")[f"{name}.weight"]
    scales = written[f"{name}.scales"].repeat_interleave(16, 1)
    values = unpack_linear(name, written, Grid(4, 16, True))
    torch.testing.assert_close(values, scales * (original > 0))


@pytest.mark.parametrize(
    ("entries", "module", "error", "says"),
    [
        (
            ["signs = one:Signs"],
            "import nowhere\n",
            "E0790",
            "cannot be imported: ModuleNotFoundError: No module named 'nowhere'",
        ),
        (["dots = one:Signs"], SIGNS, "E0792", "calls itself `signs`"),
        (["signs = one:Path"], "from pathlib import Path\n", "E0792", "is no `Method`"),
        (
            ["gptq = one:Signs"],
            SIGNS,
            "E0791",
            "is there twice: in infopt-compile and in one (one:Signs)",
        ),
        (
            ["signs = one:Signs", "signs = two:Signs"],
            SIGNS,
            "E0791",
            "is there twice: in one (one:Signs) and in two (two:Signs)",
        ),
    ],
)
def test_what_is_wrong_with_a_package_is_a_problem_of_the_recipe(
    packages: Path, monkeypatch: pytest.MonkeyPatch, entries: list[str], module: str, error: str, says: str
) -> None:
    monkeypatch.delitem(sys.modules, "one", raising=False)
    for package, entry in zip(("one", "two"), entries, strict=False):
        install(packages, package, entry, module)
    name = entries[0].partition(" ")[0]
    with pytest.raises(BadPlugin):
        find_method(name)
    (problem,) = Quantize(method=name).check(None)
    assert (problem.code, problem.parameter) == (error, "method") and says in problem.message
    assert "one" in problem.message
    assert list(Quantize(method="rtn").check(None)) == []


def test_a_recipe_names_a_package_s_method(tmp_path: Path) -> None:
    install(tmp_path / "packages", "signs_package", "signs = signs_package:Signs")
    source = save_tiny(tmp_path / "model")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'packages')!r});"
        "from infopt_compiler.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    asked = (
        ("signs", 4, 0, ""),
        ("signs", 8, 1, "signs are kept in 4 bits"),
        ("sings", 4, 1, "did you mean `signs`?"),
    )
    for method, bits, status, says in asked:
        recipe = tmp_path / "r.opt"
        recipe.write_text(RECIPE.format(folder=source, bits=bits, method=method))
        command = [sys.executable, "-c", code, "check", str(recipe)]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd())
        assert ran.returncode == status and says in ran.stdout + ran.stderr, ran.stdout + ran.stderr
