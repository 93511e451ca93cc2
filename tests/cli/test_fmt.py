"""`fmt` rewrites in place, checks, and leaves wrong files alone."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

MESSY = 'model   m="hf:a/b@c" # kept\nq=quantize(m,bits=8)\n'


@pytest.fixture
def messy(folder):
    (folder / "x.opt").write_text(MESSY)
    (folder / "x.opt").chmod(0o640)
    return folder / "x.opt"


def test_in_place_and_stable(run, messy):
    assert run("fmt", "x.opt").code == 0
    text = messy.read_text()
    assert text != MESSY
    assert "# kept" in text
    assert messy.stat().st_mode & 0o777 == 0o640
    assert run("fmt", "x.opt").err == ""
    assert messy.read_text() == text


def test_check_changes_nothing(run, messy):
    ran = run("fmt", "--check", "x.opt")
    assert ran.code == 1
    assert "x.opt" in ran.err
    assert messy.read_text() == MESSY
    run("fmt", "x.opt")
    assert run("fmt", "--check", "x.opt").code == 0


def test_a_wrong_file_is_left_alone_and_others_are_formatted(run, messy, folder):
    (folder / "wrong.opt").write_text("model = = x\n")
    ran = run("fmt", "wrong.opt", "x.opt")
    assert ran.code == 1
    assert "error[E01" in ran.err
    assert (folder / "wrong.opt").read_text() == "model = = x\n"
    assert messy.read_text() != MESSY


def test_a_link_stays_a_link(run, messy, folder):
    (folder / "link.opt").symlink_to("x.opt")
    assert run("fmt", "link.opt").code == 0
    assert (folder / "link.opt").is_symlink()
    assert messy.read_text() != MESSY


def test_standard_input(run, messy, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(MESSY.encode())))
    ran = run("fmt", "-")
    run("fmt", "x.opt")
    assert ran.out == messy.read_text()


def test_a_folder_that_cannot_be_written(run, messy, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    result = run("fmt", "x.opt")
    assert result.code == 1
    assert "E0551" in result.err and "Permission denied" in result.err
