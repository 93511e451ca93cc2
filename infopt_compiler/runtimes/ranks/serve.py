"""Serving by ranks: a sharded model is run by its own program, as a user would start it, and asked over a pipe."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infopt_compiler.runtimes.protocol import Scorable
from infopt_compiler.runtimes.tokens import end_tokens_of, until_end

PROGRAM = "infopt_compiler.passes.shard.run.serve"
_END_SECONDS = 30.0


class ShardProgram:
    """The program and its ranks; they end with this process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-P", "-m", PROGRAM, str(folder)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.close)
        self.ready = self._read()

    def ask(self, command: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The lines that answer, the last one (`done`, `memory`) among them."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(command) + "\n")
        self._child.stdin.flush()
        while True:
            line = self._read()
            yield line
            if line["event"] != "token":
                return

    def memory(self) -> list[dict[str, int]]:
        """`peak` and `now` of each rank, bytes."""
        found: list[dict[str, int]] = next(self.ask({"memory": True}))["ranks"]
        return found

    def close(self) -> None:
        """End it and wait for it: the time of processes that nobody waited for counts as used by others."""
        assert self._child.stdin is not None
        with suppress(OSError):
            self._child.stdin.close()
        try:
            self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _read(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the ranks ended with status {self._child.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


class ShardedServer:
    """Greedy generation; a rank's memory is what counts, not this process's."""

    def __init__(self, folder: Path) -> None:
        import transformers

        self._program = ShardProgram(folder)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._versions = {"transformers": transformers.__version__}

    def chat(self, text: str) -> str | None:
        if not self._tokenizer.chat_template:
            return None
        messages = [{"role": "user", "content": text}]
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    def generate(self, ids: list[int], batch: int, tokens: int, max_length: int) -> Iterator[None]:
        """Ranks have no end token here; they reserve keys and values for `max_length` columns."""
        for line in self._program.ask({"ids": ids, "batch": batch, "tokens": tokens, "reserve": max_length}):
            if line["event"] == "token":
                yield

    def resident_bytes(self) -> tuple[int, int]:
        """(peak, present) of the fullest rank; `environment` has all of them."""
        ranks = self._program.memory()
        return max(rank["peak"] for rank in ranks), max(rank["now"] for rank in ranks)

    def environment(self) -> dict[str, Any]:
        ranks = self._program.memory()
        return {
            "runtime": "ranks of infopt-compile",
            "versions": self._versions,
            "session_options": {
                "mesh": self._program.ready["mesh"],
                "ranks": len(ranks),
                "threads_per_rank": 1,
            },
            "decoding": "greedy; no end token",
            "rank_peak_bytes": [rank["peak"] for rank in ranks],
            "peak_bytes_of_all_ranks": sum(rank["peak"] for rank in ranks),
        }


def open_scorable(folder: Path, scratch: Path) -> Scorable:
    """The ranks write logits position by position, into a file."""
    program, ends = ShardProgram(folder), end_tokens_of(folder)
    scratch.mkdir(parents=True, exist_ok=True)

    def logits(ids: list[int]) -> NDArray[np.float32]:
        (scratch / "0.f32").unlink(missing_ok=True)
        list(program.ask({"ids": ids, "logits": str(scratch)}))
        return np.fromfile(scratch / "0.f32", np.float32).reshape(len(ids), -1)

    def generate(ids: list[int], most: int) -> list[int]:
        *_, done = program.ask({"ids": ids, "tokens": most, "stop": sorted(ends)})
        return until_end(done["tokens"], ends)

    return Scorable(logits, None, generate)
