"""What can go wrong while distilling, typed; each becomes a diagnostic at the pass's recipe line."""

from __future__ import annotations

from infopt_compiler.passes.base import PassError


class DistillError(PassError):
    """An error with a code of its own."""

    own_code = "E0750"

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message, help=help, code=self.own_code)


class OtherTokenizer(DistillError):
    """Teacher and student cut text into different tokens, or name them differently."""

    own_code = "E0751"


class NoText(DistillError):
    """Nothing to train on: no text, or too little for one window."""

    own_code = "E0752"


class NotFinite(DistillError):
    """The loss or its gradient is infinite or not a number; the last good checkpoint stays."""

    own_code = "E0753"
    keep_staging = True


class DoesNotFit(DistillError):
    """Teacher and student do not fit this machine's memory."""

    own_code = "E0754"


class BadStudent(DistillError):
    """The student cannot be trained: another architecture, missing weights, other shapes."""

    own_code = "E0755"
