"""How a worker failed, as a diagnostic at the recipe line of its step."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

from infopt_compiler.diagnostics import Diagnostic, Note, error
from infopt_compiler.execute.options import ExecuteOptions
from infopt_compiler.execute.process import Outcome
from infopt_compiler.graph import Step
from infopt_compiler.units import Dimension, human

_DISK_HELP = (
    "free some space (`infopt-compile cache gc`), or set INFOPT_CACHE to another disk; then run again"
)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a signal like it, while something ran; the text says what becomes of that, as the end of a sentence."""


def goes_on(where: str | None) -> str:
    """What becomes of a step that was cut off, and where its next run goes on (None: nowhere)."""
    return f"goes on at {where} when you build again" if where else "begins anew when you build again"


def diagnose(
    step: Step, outcome: Outcome, options: ExecuteOptions, log: Path, where: str | None
) -> Diagnostic:
    """The diagnostic of an outcome without a result; `where` the next run goes on (None: nowhere)."""
    code, message, help = _tell(outcome, options, f"what finished is kept, and it {goes_on(where)}")
    notes = (Note(f"the log of the step: {log}"),)
    return error(code, f"`{step.name}` ({step.pass_name}): {message}", step.span, notes=notes, help=help)


def diagnose_os_error(step: Step | None, wrong: OSError) -> Diagnostic:
    """A failure of the system while a step (None: the store itself) was prepared or committed; nothing of it is
    in the store."""
    title = f"`{step.name}` ({step.pass_name})" if step is not None else "the store"
    span = step.span if step is not None else None
    if wrong.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return error("E0805", f"{title}: the disk is full ({wrong.strerror})", span, help=_DISK_HELP)
    return error("E0810", f"{title}: {wrong}", span, help="check the rights of the cache folder")


def _tell(outcome: Outcome, options: ExecuteOptions, becomes: str) -> tuple[str, str, str | None]:
    """(code, message, help); `becomes` says what becomes of the step."""
    if outcome.stopped == "hang":
        told = f"no sign of progress for {human(options.hang_seconds, Dimension.time)}; it was ended"
        return "E0806", told, "see the log; `engine.hang` sets how long is waited"
    if outcome.stopped == "memory":
        told = f"it held more than the {human(options.memory_bytes, Dimension.bytes)} that `engine.memory` allows"
        return "E0804", told, "allow more, or use less calibration data or a smaller model"
    if outcome.error is not None:
        return _tell_error(outcome.error)
    peak = human(outcome.peak_rss_bytes, Dimension.bytes)
    if outcome.signal == signal.SIGKILL:
        told = f"its process was killed (SIGKILL) at a peak of {peak}; most often memory has run out"
        return "E0803", told, becomes
    if outcome.signal:
        name = signal.Signals(outcome.signal).name
        return "E0802", f"its process crashed ({name}) at a peak of {peak}", f"see the log; {becomes}"
    return "E0802", f"its process ended with code {outcome.exit_code} and without a result", "see the log"


def _tell_error(event: dict[str, str]) -> tuple[str, str, str | None]:
    if event["kind"] == "told":
        return event["code"], event["message"], event["help"]
    if event["kind"] == "disk":
        return "E0805", f"the disk is full ({event['message']})", _DISK_HELP
    if event["kind"] == "memory":
        return (
            "E0804",
            f"the system refused it memory ({event['message']})",
            "use a smaller model or less data",
        )
    return "E0801", event["message"], "see the log for the traceback"
