"""The action of docs/report.md works: its shell steps are taken out of the document and run, pip and all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GH = '#!/bin/sh\nfor word; do last=$word; done\necho "$@" >> "$GH_LOG"\ncp "$last" "$GH_LOG.body"\n'
RECIPE = """\
model tiny = "file:tiny"
data heldout = "file:prose.txt" { window = 32 tokens, sample = 4 }
base = select(tiny)
q = quantize(base, method = rtn, bits = 8)
onnx = export(q)
budget onnx {
    size <= 50 MB
    perplexity <= 5000 on heldout
}
"""
pytestmark = pytest.mark.slow


def action() -> dict[str, Any]:
    text = (ROOT / "docs/report.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(# \.github/actions.*?)```", text, flags=re.S)
    return dict(yaml.safe_load(block))


@dataclass
class Runner:
    """A runner with the compiler's dependencies and without the compiler; `gh` notes what it was asked to post."""

    folder: Path
    path: Path

    def run(self, recipe: str, package: Path) -> tuple[int, dict[str, str]]:
        """All steps as GitHub runs them on a pull request; gives the exit code of the first that fails and the outputs."""
        known = {
            "inputs.recipe": recipe,
            "inputs.package": str(package),
            "github.token": "t",
            "github.event.number": "7",
        }
        failed = 0
        for step in action()["runs"]["steps"]:
            if failed and "always()" not in step.get("if", ""):
                continue
            if "run" in step:
                code = self._step(step, known)
                failed = failed or code
        return failed, known

    def _step(self, step: dict[str, Any], known: dict[str, str]) -> int:
        out = self.folder / "github_output"
        out.write_text("")
        given = {
            key: re.sub(r"\$\{\{ (.*?) \}\}", lambda m: known.get(m[1], ""), value)
            for key, value in step.get("env", {}).items()
        }
        env = {**os.environ, **given, "PATH": f"{self.path}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(out)}
        env |= {
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GH_LOG": str(self.folder / "gh"),
            "PIP_NO_INDEX": "1",
        }
        env |= {"INFOPT_CACHE": str(self.folder / "cache"), "NO_COLOR": "1"}
        assert "${{" not in step["run"]  # what strangers write reaches the shell as a variable only
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=500,
        )
        with (self.folder / "log").open("a") as log:
            log.write(done.stdout + done.stderr)
        lines = (line.partition("=") for line in out.read_text().splitlines())
        known |= {f"steps.{step.get('id')}.outputs.{key}": value for key, _, value in lines}
        return done.returncode

    def posted(self) -> str:
        return (self.folder / "gh.body").read_text("utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture
def runner(tmp_path: Path, workplace: Any) -> Runner:
    venv.create(tmp_path / "venv", with_pip=True)
    old = [
        tmp_path / "venv/bin/pip",
        "uninstall",
        "-q",
        "-y",
        "setuptools",
    ]  # torch wants a newer one than Python brings
    subprocess.run(old, check=True)
    site = sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")})
    dependencies = {
        str(Path(place).resolve()) for place in sys.path if place.endswith(("site-packages", "dist-packages"))
    }
    (Path(site) / "dependencies.pth").write_text("\n".join(sorted(dependencies)))
    (tmp_path / "venv/bin/gh").write_text(GH)
    (tmp_path / "venv/bin/gh").chmod(0o755)
    for name in ("tiny", "prose.txt"):
        (tmp_path / name).symlink_to(workplace.folder / name)
    return Runner(tmp_path, tmp_path / "venv/bin")


def test_the_action_posts_a_met_build_then_the_refusal_of_the_same_recipe(runner, wheel):
    """One after the other on one runner, as where `outputs` is kept: the second comment is not the first one's report."""
    met = RECIPE
    recipe = runner.folder / "small.opt"
    recipe.write_text(met)
    code, known = runner.run("small.opt", wheel)
    assert code == 0, (runner.folder / "log").read_text()
    assert known["steps.build.outputs.code"] == "0"
    assert "MET · all 2 bounds are met" in runner.posted()
    assert (runner.folder / known["steps.build.outputs.folder"] / "report.html").is_file()
    recipe.write_text(met.replace("bits = 8", "bitz = 8"))
    code, known = runner.run("small.opt", wheel)
    assert code == 1 and known["steps.build.outputs.code"] == "1"
    assert "did you mean `bits`?" in runner.posted() and "MET" not in runner.posted()
    assert (runner.folder / "gh").read_text().count("pr comment 7") == 2


def test_the_installed_compiler_is_the_one_of_the_wheel(runner, wheel):
    """Else the test above would run the checkout."""
    subprocess.run([runner.path / "pip", "install", "--no-index", "-q", wheel], check=True)
    code = "import infopt_compiler; print(infopt_compiler.__file__)"
    done = subprocess.run(
        [runner.path / "python", "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()).is_relative_to(runner.folder)
