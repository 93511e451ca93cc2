"""Completion knows verbs, files, options, and the overrides of the recipe that is typed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infopt_compiler.cli.completion import SCRIPTS, candidates
from infopt_compiler.passes.quantize.registry import method_names

CASES = [
    ([], "che", {"check"}),
    ([], "ch", {"check", "chat.opt"}),
    (["check"], "", {"chat.opt", "folder/"}),
    (["chat.opt"], "q.b", {"q.bits="}),
    (["chat.opt"], "q.method=", {f"q.method={name}" for name in method_names()}),
    (["chat.opt"], "q.symmetric=t", {"q.symmetric=true"}),
    (["chat.opt"], "target=h", {"target=h100"}),
    (["chat.opt"], "budget.onnx.t", {"budget.onnx.ttft.p95="}),
    (["plan", "chat.opt"], "scenario.assistant.p", {"scenario.assistant.prompt="}),
    (["chat.opt"], "--mul", {"--multirun"}),
    (["chat.opt", "--cfg"], "j", {"job"}),
    (["explain"], "E0505", {"E0505"}),
    (["passes"], "q", {"quantize"}),
    (["cache"], "", {"ls", "rm", "gc", "verify"}),
    (["completion"], "b", {"bash"}),
    (["history"], "ch", {"chat.opt"}),
    (["history", "chat.opt"], "t", {"ttft.p95"}),
    (["history", "chat.opt", "size"], "--l", {"--limit"}),
    (["diff"], "fol", {"folder/"}),
    (["diff", "a", "b"], "", set()),
    (["diff", "a", "b"], "--m", {"--markdown"}),
    (["missing.opt"], "q.", set()),
]


@pytest.fixture(autouse=True)
def _folder(folder):
    (folder / "folder").mkdir()


@pytest.mark.parametrize(("before", "current", "found"), CASES)
def test_candidates(before, current, found):
    assert set(candidates(before, current)) == found


def test_files_in_folders(folder):
    (folder / "folder/a.opt").touch()
    assert set(candidates([], "folder/")) == {"folder/a.opt"}
    assert set(candidates([], "./folder/a")) == {"./folder/a.opt"}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_printed(shell, run):
    assert "infopt-compile" in run("completion", shell).out


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("line", "reply"),
    [("chec", "check"), ("chat.opt q.bi", "q.bits="), ("chat.opt q.method=g", "gptq"), ("cache v", "verify")],
)
def test_the_script_of_bash(line, reply, folder):
    script = (
        'eval "$(infopt-compile completion bash)"\n'
        'COMP_LINE="infopt-compile $1"; COMP_POINT=${#COMP_LINE}; _infopt_compile; printf "%s" "${COMPREPLY[*]}"'
    )
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", script, "bash", line], capture_output=True, text=True, cwd=folder, env={"PATH": path}
    )
    assert done.stdout == reply
