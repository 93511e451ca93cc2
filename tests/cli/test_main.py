"""Verbs, help, versions, and the edge of the program."""

from __future__ import annotations

import os
import signal
import time
from importlib import import_module
from pathlib import Path

import pytest

from infopt_compiler import __version__, cli
from infopt_compiler.cli import explain
from infopt_compiler.cli.verbs import VERBS
from infopt_compiler.diagnostics import CODES
from infopt_compiler.diagnostics.codes.usage import USAGE
from infopt_compiler.execute.failure import Interrupted
from infopt_compiler.passes.quantize.registry import method_names


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["chek", "chat.opt"], "did you mean `check`"),
        (["q.bits=8"], "no recipe before"),
        (["chat"], "did you mean `chat.opt`"),
        (["."], "ends in `.opt`"),
        (["check", "chat"], "ends in `.opt`"),
        (["check"], "RECIPE"),
        (["explain"], "CODE"),
        (["explain", "E0505", "E0504"], "one word"),
        (["explain", "E9999"], "no code"),
        (["cache", "lst"], "did you mean `ls`"),
        (["completion", "tcsh"], "tcsh"),
        (["passes", "quantise"], "did you mean `quantize`"),
        (["check", "--jsn", "chat.opt"], "did you mean `--json`"),
    ],
)
def test_wrong_usage(words, says, run):
    ran = run(*words)
    assert ran.code == 2
    assert says in ran.err


def test_no_words_show_the_help(run):
    ran = run()
    assert ran.code == 2
    assert "usage:" in ran.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb, run):
    ran = run(verb, "--help")
    assert ran.code == 0
    assert f"example: {VERBS[verb].example}" in ran.out
    assert all(flag.name in ran.out for flag in VERBS[verb].flags)
    assert all(len(line) <= 120 for line in ran.out.splitlines())


def test_general_help_names_every_verb(run):
    out = run("--help").out
    assert all(f"  {verb}" in out for verb in VERBS)


def test_version(run):
    assert run("--version").out == f"infopt-compile {__version__}\n"


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained(code, run):
    ran = run("explain", code.lower())
    assert ran.code == 0
    assert ran.out.startswith(f"{code}: ")


def test_an_internal_error_asks_for_a_report(run, monkeypatch):
    def broken(command):
        raise RuntimeError("a bug")

    monkeypatch.setattr(explain, "run", broken)
    ran = run("explain", "E0505")
    assert ran.code == 1
    (line,) = ran.err.splitlines()
    assert "please report it with" in line
    assert "Traceback" in run("explain", "E0505", "--traceback").err


def test_color_only_where_it_is_wanted(run, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert "\x1b[" in run("check", "no.opt").err
    assert "\x1b[" not in run("check", "no.opt", "--no-color").err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("check", "no.opt").err


def test_passes(run):
    assert all(name in run("passes").out for name in ("select", "quantize", "export", "tune"))
    page = run("passes", "quantize").out
    assert "quantize(model: HFModel" in page
    assert "int, default 4, one of 4, 8" in page
    assert f"one of {', '.join(method_names())}" in page


def test_the_codes_of_the_command_line_are_all_in_use():
    package = Path(cli.__file__).parent.parent
    source = "".join(path.read_text() for path in package.glob("*/**/*.py") if path.name != "usage.py")
    assert all(f'"{info.code}"' in source for info in USAGE)


@pytest.fixture
def handlers():
    """What signals do, as it was before."""
    known = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in known.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_ended_says_so(number, handlers, run, monkeypatch):
    """SIGTERM, as CI systems send it, and SIGHUP, of a terminal that closes, are Ctrl-C: even where SIGINT is ignored."""
    edge = import_module("infopt_compiler.cli.main")
    signal.signal(number, signal.SIG_DFL)  # the tests themselves may run under nohup
    monkeypatch.setattr(edge, "_run", lambda words: os.kill(os.getpid(), number) or time.sleep(5))
    ran = run("check", "chat.opt")
    assert ran.code == edge.INTERRUPTED
    assert ran.err == "interrupted; what finished is kept\n"


def test_under_nohup_a_closed_terminal_ends_nothing(handlers, run, monkeypatch):
    edge = import_module("infopt_compiler.cli.main")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(edge, "_run", lambda words: os.kill(os.getpid(), signal.SIGHUP) or 0)
    assert run("check", "chat.opt").code == 0


def test_an_interruption_says_what_becomes_of_the_step(run, monkeypatch):
    def cut(words):
        raise Interrupted("`q` (quantize) goes on at layer 12 of 30 when you build again")

    monkeypatch.setattr(import_module("infopt_compiler.cli.main"), "_run", cut)
    said = "interrupted; what finished is kept, and `q` (quantize) goes on at layer 12 of 30 when you build again\n"
    assert run("chat.opt").err == said
