"""Whatever is wrong with a recipe file is a diagnostic."""

from __future__ import annotations

import os

import pytest


@pytest.mark.parametrize("verb", ["check", "build", "plan", "fmt"])
def test_a_missing_recipe(verb, run):
    ran = run(verb, "chta.opt")
    assert ran.code == 1
    assert "[E0550]" in ran.err
    assert "did you mean `chat.opt`" in ran.err


def test_a_folder(run, folder):
    (folder / "x.opt").mkdir()
    ran = run("check", "x.opt")
    assert ran.code == 1
    assert "is a folder" in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable(run, folder):
    (folder / "chat.opt").chmod(0)
    ran = run("check", "chat.opt")
    assert (ran.code, "[E0550]" in ran.err) == (1, True)


def test_not_utf8(run, folder):
    (folder / "x.opt").write_bytes("# füße\n".encode() + "# straße\n".encode("latin-1"))
    ran = run("check", "x.opt")
    assert ran.code == 1
    assert "0xdf" in ran.err
    assert "x.opt:2:7" in ran.err


def test_a_model_given_by_mistake(run, folder):
    with (folder / "x.opt").open("wb") as file:
        file.truncate(5 * 2**20)
    assert "too large" in run("check", "x.opt").err


def test_a_name_that_no_file_can_have(run):
    assert run("check", "a\0b.opt").code == 1


def test_an_empty_recipe(run, folder):
    (folder / "x.opt").write_text("")
    assert "Traceback" not in run("check", "x.opt").err
