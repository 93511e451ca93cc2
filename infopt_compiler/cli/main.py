"""The edge of the program: errors become diagnostics and exit codes here, and nowhere else does the program exit."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType

from infopt_compiler.cli.help import general_help, verb_help
from infopt_compiler.cli.split import Command, split
from infopt_compiler.cli.terminal import exit_code, say, show_diagnostics, tell
from infopt_compiler.diagnostics import DiagnosticError

INTERRUPTED = 130  # 128 + SIGINT, as shells count
_HIDDEN = "__complete"  # what the completion scripts call


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; gives the exit code (docs/command-line.md)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _end_on_terminate()
    try:
        return _run(words)
    except DiagnosticError as problem:
        show_diagnostics(problem.diagnostics, no_color="--no-color" in words)
        _traceback_if(words)
        return exit_code(problem.diagnostics)
    except KeyboardInterrupt as cut:
        with suppress(OSError):  # the terminal may be what is gone
            tell(", and ".join(("interrupted; what finished is kept", *map(str, cut.args))))
        return INTERRUPTED
    except BrokenPipeError:
        return _broken_pipe()
    except Exception as bug:
        return _internal_error(bug, words)


def _end_on_terminate() -> None:
    """A CI system that ends a job sends SIGTERM, a terminal that closes SIGHUP (ignored under nohup, and then it stays so):
    children are ended and what finished is kept, as on Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(words: list[str]) -> int:
    if words[:1] == [_HIDDEN]:
        from infopt_compiler.cli.completion import complete

        return complete(words[1:])
    if not words or words in (["--help"], ["-h"], ["help"]):
        say(general_help())
        return 0 if words else 2
    if "--version" in words:
        from infopt_compiler import __version__

        say(f"infopt-compile {__version__}")
        return 0
    command = split(words)
    if command.on("help"):
        say(verb_help(command.verb))
        return 0
    handler: Callable[[Command], int] = import_module(f"infopt_compiler.cli.{command.verb.name}").run
    return handler(command)  # the module alone imports what its verb needs


def _traceback_if(words: Sequence[str]) -> None:
    if "--traceback" in words:
        import traceback

        traceback.print_exc()


def _broken_pipe() -> int:
    """The reader left (`| head`): say nothing more, also not at interpreter exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _internal_error(bug: Exception, words: Sequence[str]) -> int:
    """One line that asks for a report; the traceback goes into a log, or to the terminal with `--traceback`."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="infopt-compile-", suffix=".log", delete=False
    ) as log:
        log.write(f"command: {words}\n" + "".join(traceback.format_exception(bug)))
    tell(f"internal error: {type(bug).__name__}: {bug}; please report it with {log.name}")
    _traceback_if(words)
    return 1
