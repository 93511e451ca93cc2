"""`plan`: what a build would do, without doing it."""

from __future__ import annotations

import json

from infopt_compiler.cli.composed import composed
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import say


def run(command: Command) -> int:
    job = composed(command)
    from infopt_compiler.pipeline import plan

    text, data, code = plan(job)
    say(json.dumps(data, indent=2) if command.on("json") else text)
    return code
