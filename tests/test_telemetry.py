"""Nothing leaves the machine: no process that we start may upload usage."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import infopt_compiler
from infopt_compiler import NO_TELEMETRY
from tests.e2e.recipes import run
from tests.passes.export.models import write_llama

PACKAGE = Path(infopt_compiler.__file__).parent
STARTERS = {"Popen", "run", "call", "check_call", "check_output", "create_subprocess_exec"}
REPLACERS = {"execve", "execvpe", "execle", "execlpe", "posix_spawn", "posix_spawnp", "spawnve", "spawnvpe"}
CI = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "BUILD_ID", "BUILD_BUILDID", "BUILD_NUMBER", "CODEBUILD_BUILD_ID", "JENKINS_URL")  # fmt: skip

RECIPE = """\
measure quick
model tiny = "file:tiny"
scenario short { prompt = 16 tokens, generate = 4 tokens }
onnx = export(tiny)
chat = tune(onnx, under = short, time = 2 s, rounds = 2)
budget chat under short { tpot.p50 <= 10 s }
"""


def test_it_is_off_before_anything_of_ours_runs():
    """In a process that has only just imported the package, whatever the environment said."""
    names = json.dumps(sorted(NO_TELEMETRY))
    code = f"import os, json, infopt_compiler; print(json.dumps({{n: os.environ[n] for n in {names}}}))"
    bare = {**os.environ, **dict.fromkeys(NO_TELEMETRY, "anything else")}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == NO_TELEMETRY


def starts() -> list[tuple[str, ast.Call, ast.AST]]:
    """Every call in the package that starts a process: where, the call, and the function around it."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    owner = getattr(call.func.value, "id", "")
                    starter = owner in ("subprocess", "asyncio") and call.func.attr in STARTERS
                    if starter or (owner == "os" and call.func.attr in REPLACERS):
                        place = f"{file.relative_to(PACKAGE)}:{call.lineno}"
                        found.append((place, call, function))
    return found


def inherits(value: ast.expr, function: ast.AST) -> bool:
    """Whether an `env=` is a dictionary that begins with `**os.environ`, here or where its name is assigned."""
    if isinstance(value, ast.Name):
        assigned = [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == value.id for t in node.targets)
        ]
        return bool(assigned) and all(inherits(one, function) for one in assigned)
    if not isinstance(value, ast.Dict) or not value.keys:
        return False
    named = {key.value for key in value.keys if isinstance(key, ast.Constant)}
    return (
        value.keys[0] is None
        and ast.unparse(value.values[0]) == "os.environ"
        and not named & set(NO_TELEMETRY)
    )


def test_every_process_that_we_start_inherits_it():
    found = starts()
    assert len(found) > 8  # a scan that finds none shows nothing
    lost = []
    for place, call, function in found:
        given = [keyword.value for keyword in call.keywords if keyword.arg == "env"]
        replaced = call.func.attr in REPLACERS  # their environment is an argument like any other
        if replaced or not all(inherits(value, function) for value in given):
            lost.append(place)
    assert not lost, f"the environment is not passed on in {lost}"


@pytest.mark.slow
def test_a_build_leaves_nothing_of_the_runtimes_in_the_home_folder(tmp_path, monkeypatch):
    """onnxruntime queues what it uploads below ~/.cache/Microsoft, unless it takes the machine for a CI system."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (*CI, *NO_TELEMETRY, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    write_llama(tmp_path / "tiny")
    (tmp_path / "tiny.opt").write_text(RECIPE)
    done = run(tmp_path, "tiny.opt", "measure.attribution=false", env={"HOME": str(home)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert [str(path.relative_to(home)) for path in home.rglob("*Microsoft*")] == []
