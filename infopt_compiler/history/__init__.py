"""Every build of a project in one SQLite file: what was measured, when, at which commit, on which machine."""

from infopt_compiler.history.git import Commit, commit_of
from infopt_compiler.history.model import Build, Figure, Wanted, project_path
from infopt_compiler.history.store import FILE_NAME, History, HistoryError

__all__ = [
    "FILE_NAME",
    "Build",
    "Commit",
    "Figure",
    "History",
    "HistoryError",
    "Wanted",
    "commit_of",
    "project_path",
]
