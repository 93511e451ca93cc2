"""`check` says everything at once, fast, and imports nothing heavy."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from infopt_compiler.diagnostics import annotation

HEAVY = ("hydra", "omegaconf", "torch", "transformers", "onnxruntime", "onnx", "rich", "numpy", "scipy")


def test_a_sound_recipe(run):
    ran = run("check", "chat.opt", "q.bits=8")
    assert (ran.code, ran.out) == (0, "chat.opt: no mistakes\n")


def test_overrides_are_checked(run):
    ran = run("check", "chat.opt", "q.bitz=8", "target.memory=8 ms", "+hydra.x=1")
    assert all(code in ran.err for code in ("E0203", "E0553", "E0505"))
    assert ran.code == 2


def test_json(run, folder):
    (folder / "chat.opt").write_text("q = quantiz(x)\n")
    ran = run("check", "chat.opt", "--json")
    data = json.loads(ran.out)
    assert ran.code == 1
    assert data["errors"] == len(data["diagnostics"]) > 0
    assert data["diagnostics"][0]["span"]["file"] == "chat.opt"


def test_json_of_a_missing_recipe(run):
    ran = run("check", "no.opt", "--json")
    assert (ran.code, json.loads(ran.out)["diagnostics"][0]["code"]) == (1, "E0550")


@pytest.mark.parametrize(
    "words",
    [
        ["check", "chat.opt", "q.bits=8"],
        ["explain", "E0505"],
        ["fmt", "chat.opt"],
        ["passes"],
        ["--help"],
        ["completion", "bash"],
    ],
)
def test_nothing_heavy_is_imported(words, folder):
    code = (
        "import sys; from infopt_compiler.cli import main; code = main(sys.argv[1:]);"
        f"print([m for m in {HEAVY!r} if m in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=folder)
    assert done.stderr.splitlines()[-1] == "[] 0"


def test_it_answers_in_half_a_second(installed):
    """CPU time, which is what the clock shows where nothing else runs; a busy machine would make the clock flaky."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert installed("check", "chat.opt").code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.5


def test_python_m_is_the_same_program(folder):
    done = subprocess.run(
        [sys.executable, "-m", "infopt_compiler", "check", "chat.opt"],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert (done.returncode, done.stdout) == (0, "chat.opt: no mistakes\n")


def test_github_gets_annotations_at_the_places(run, folder):
    (folder / "chat.opt").write_text((folder / "chat.opt").read_text().replace("bits = 4", "bitz = 4"))
    ran = run("check", "chat.opt", "q.group=33", "--format", "github")
    first, second = ran.out.splitlines()
    assert ran.code == 1 and ran.err == ""
    assert any(
        line.startswith("::error file=chat.opt,line=9,col=") and "did you mean" in line
        for line in (first, second)
    )
    assert any(
        line.startswith("::error title=E0305::") for line in (first, second)
    )  # an override is in no file


def test_github_hears_once_what_jobs_share_and_which_job_has_what_they_do_not(run, folder):
    (folder / "chat.opt").write_text(
        (folder / "chat.opt").read_text().replace("size <= 115 MB", "size <= 115 ms")
    )
    ran = run("check", "chat.opt", "-m", "q.bits=5,4,6", "--format", "github")
    lines = ran.out.splitlines()
    assert len(lines) == len(set(lines)) == 3 and ran.code == 1
    assert [line.split("title=")[1][:18].partition("::")[0] for line in sorted(lines)][1:] == [
        "job 0%3A E0305",
        "job 2%3A E0305",
    ]


def test_an_annotation_escapes_what_would_end_it():
    span = {"file": "a,b:c.opt", "line": 2, "column": 3, "end_line": 2, "end_column": 9}
    text = annotation("error", "E1", "50%\nmore", span).line()
    assert text == "::error file=a%2Cb%3Ac.opt,line=2,col=3,endColumn=9,title=E1::50%25%0Amore"
