"""The options of the command line as fields of the group `engine`: what a job in another process needs travels there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import wants_color
from infopt_compiler.config.values import escape


def engine_settings(command: Command) -> dict[str, Any]:
    settings: dict[str, Any] = {
        key: True for key in ("predict_only", "locked", "force", "remeasure", "traceback") if command.on(key)
    }
    cache = command.text("cache")
    if cache is not None:
        settings["cache"] = escape(str(Path(cache).expanduser().absolute()))
    if command.on("quiet") or command.on("verbose"):
        settings["verbosity"] = int(command.on("verbose")) - int(command.on("quiet"))
    if not wants_color(sys.stdout, command.on("no_color")):
        settings["color"] = False
    return settings
