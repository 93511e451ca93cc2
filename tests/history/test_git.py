from __future__ import annotations

import shutil
import subprocess

import pytest

from infopt_compiler.history import commit_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


def git(folder, *words):
    names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *names, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_commit_and_what_makes_it_dirty(tmp_path):
    recipe = tmp_path / "recipes/chat.opt"
    recipe.parent.mkdir()
    recipe.write_text("target cpu\n")
    assert commit_of(recipe) is None, "no repository"
    git(tmp_path, "init", "-q")
    assert commit_of(recipe) is None, "no commit yet"
    (tmp_path / "readme").write_text("a")
    git(tmp_path, "add", "readme")
    git(tmp_path, "commit", "-qm", "one")
    assert commit_of(recipe).dirty, "the recipe is not tracked"
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "two")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/report.json").write_text("{}")
    found = commit_of(recipe)
    assert (found.digest, found.dirty) == (git(tmp_path, "rev-parse", "HEAD"), False)
    (tmp_path / "readme").write_text("b")
    assert commit_of(recipe).dirty


def test_a_repository_runs_no_program_of_its_own(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "chat.opt").write_text("target cpu\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(hook))
    assert commit_of(tmp_path / "chat.opt") is not None
    assert not (tmp_path / "ran").exists()
