"""Reads a recipe file: whatever can be wrong with it is a diagnostic."""

from __future__ import annotations

from pathlib import Path

from infopt_compiler.diagnostics import DiagnosticError, Input, Span, error

MOST_BYTES = 4 * 2**20  # no recipe written by people is longer; a model given by mistake is


def read_recipe(name: str) -> Input:
    """The recipe's text under the name that the user gave. DiagnosticError E0550."""
    if name == "-":
        import sys

        return decode_recipe("<stdin>", sys.stdin.buffer.read())
    path = Path(name)
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise DiagnosticError(
                error("E0550", f"`{name}` is too large for a recipe", help="is it a model?")
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise DiagnosticError(error("E0550", f"there is no recipe `{name}`", help=_nearest(path))) from None
    except IsADirectoryError:
        raise DiagnosticError(error("E0550", f"`{name}` is a folder", help=_inside(path))) from None
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise DiagnosticError(error("E0550", f"`{name}` cannot be read: {reason}")) from problem
    return decode_recipe(name, data)


def decode_recipe(name: str, data: bytes) -> Input:
    """UTF-8 only; the diagnostic shows the line of the first byte that is none."""
    try:
        return Input(name, data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        text = data.decode("utf-8", errors="replace")
        start = len(data[: problem.start].decode("utf-8"))
        raise DiagnosticError(
            error(
                "E0550",
                f"`{name}` is not UTF-8: byte 0x{data[problem.start]:02x} at {problem.start}",
                Span(Input(name, text), start, start + 1),
                help="save the file as UTF-8",
            )
        ) from None


def _nearest(path: Path) -> str | None:
    """A recipe of a similar name beside the missing one."""
    from difflib import get_close_matches

    folder = path.parent
    names = [p.name for p in folder.glob("*.opt")] if folder.is_dir() else []
    close = get_close_matches(path.name, names, n=1)
    return f"did you mean `{folder / close[0]}`?" if close else None


def _inside(path: Path) -> str | None:
    names = sorted(p.name for p in path.glob("*.opt"))[:5] if path.is_dir() else []
    return f"recipes in it: {', '.join(names)}" if names else None
