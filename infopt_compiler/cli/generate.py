"""`generate DIR PROMPT...`: a sharded model, run on this machine."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say
from infopt_compiler.config.values import decode_quantity
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.passes.base import PassError
from infopt_compiler.units import Dimension, UnitError

if TYPE_CHECKING:
    from infopt_compiler.passes.shard.run.prove import Run
    from infopt_compiler.passes.shard.run.texts import Texts


def run(command: Command) -> int:
    """Logs of the ranks stay where the run failed."""
    folder, *prompts = command.words
    named, tokens, port = command.text("logs"), _count(command, "tokens", 64), _count(command, "port", 0)
    logs = _made(named) if named else Path(tempfile.mkdtemp(prefix="infopt-ranks-"))
    try:
        started = time.monotonic()
        texts, found = _generate(Path(folder), prompts, logs, tokens, port, command)
    except PassError as failure:
        raise DiagnosticError(error(failure.code, str(failure), at(folder), help=failure.help)) from failure
    finally:
        if not named:
            with suppress(OSError):  # logs are kept: there are some where a rank was started
                logs.rmdir()
    if not named:
        shutil.rmtree(logs, ignore_errors=True)
    _show(command, prompts, texts, found, time.monotonic() - started)
    return 0


def _generate(
    folder: Path, prompts: list[str], logs: Path, tokens: int, port: int, command: Command
) -> tuple[Texts, Run]:
    from infopt_compiler.passes.shard.run.index import ShardIndex
    from infopt_compiler.passes.shard.run.prove import generate

    ShardIndex.read(folder).check_files(folder)  # before the seconds that imports take
    from infopt_compiler.passes.shard.run.texts import Texts

    texts = Texts(folder)
    ids = [_ids(texts, prompt, raw=command.on("raw")) for prompt in prompts]
    timeout = _seconds(command, 300.0)
    return texts, generate(folder, logs, ids, tokens, stop=texts.stop, timeout=timeout, port=port)


def _ids(texts: Texts, prompt: str, *, raw: bool) -> list[int]:
    ids = texts.prompt(prompt, raw=raw)
    if not ids:
        raise DiagnosticError(error("E0509", "a prompt has no tokens", at(prompt), help="say something"))
    return ids


def _show(command: Command, prompts: list[str], texts: Texts, found: Run, seconds: float) -> None:
    answers = [texts.decode(tokens) for tokens in found.tokens]
    if command.on("json"):
        rows = [
            {"prompt": p, "text": t, "tokens": k}
            for p, t, k in zip(prompts, answers, found.tokens, strict=True)
        ]
        say(
            json.dumps(
                {"seconds": seconds, "answers": rows, "ranks": found.ranks}, indent=2, ensure_ascii=False
            )
        )
        return
    for answer in answers:
        say(answer)


def _made(named: str) -> Path:
    try:
        Path(named).mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        text = f"`--logs` wants a folder: {wrong.strerror}"
        raise DiagnosticError(error("E0502", text, at(named))) from wrong
    return Path(named)


def _count(command: Command, key: str, default: int) -> int:
    text = command.text(key)
    if text is None:
        return default
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise DiagnosticError(
            error("E0502", f"`--{key}` wants a number from 1 to 65535, not `{text}`", at(text))
        )
    return int(text)


def _seconds(command: Command, default: float) -> float:
    text = command.text("timeout")
    try:
        return decode_quantity(text, Dimension.time).base if text else default
    except UnitError as problem:
        raise DiagnosticError(error("E0502", str(problem), at(text or ""), help=problem.help)) from problem
