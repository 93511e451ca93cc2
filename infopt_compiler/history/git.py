"""The commit that a recipe was built from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 10.0
# A repository may name programs that `git status` runs: a recipe of a stranger is data.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True)
class Commit:
    """`dirty`: tracked files differ from it, or the recipe itself is not tracked."""

    digest: str
    dirty: bool


def commit_of(recipe: Path) -> Commit | None:
    """The commit of the repository that holds the recipe; None without git, without a repository or before its first commit."""
    folder, name = recipe.resolve().parent, recipe.name
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    if not head:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    tracked = _git(folder, "ls-files", "--error-unmatch", "--", name)
    return Commit(head, changed != "" or tracked is None)


def _git(folder: Path, *words: str) -> str | None:
    """What git answers; None where it fails."""
    command = ["git", *_SAFE, "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
