"""`merge DIR OUT`: the whole model back from its shards."""

from __future__ import annotations

from pathlib import Path

from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.passes.base import PassError
from infopt_compiler.units import Dimension, human


def run(command: Command) -> int:
    from infopt_compiler.passes.shard.run.merge import merge

    folder, out = command.words
    try:
        written = merge(Path(folder), Path(out))
    except PassError as failure:
        raise DiagnosticError(error(failure.code, str(failure), at(folder), help=failure.help)) from failure
    say(f"{human(written['bytes'], Dimension.bytes)} in {written['files']} files: {out}")
    return 0
