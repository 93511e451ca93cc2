"""Generate under torchrun, on one machine or several, each of which holds the folder at the same path:

    torchrun --nproc-per-node 3 -m infopt_compiler.passes.shard.run.torchrun DIR --prompt "What is the capital of France?"

`--device cuda` runs on the GPUs of the machine, over NCCL. The first rank of each replica prints its texts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import Any

from infopt_compiler.artifacts.layouts import SHARDS

from .errors import ShardError
from .rank import RankJob, describe, run


def main(arguments: list[str]) -> int:
    from pathlib import Path

    from .texts import Texts

    told = _parser().parse_args(arguments)
    rank, folder = int(os.environ.get("RANK", "0")), Path(told.folder)
    try:
        texts = Texts(folder) if SHARDS.fits(folder) else None
        prompts = [texts.prompt(text, raw=told.raw) for text in told.prompt] if texts else []
        request = {"prompts": prompts, "tokens": told.tokens, "stop": texts.stop if texts else ()}
        found: dict[int, list[int]] = {}
        job = RankJob(
            told.folder, tempfile.gettempdir(), (request,), timeout=told.timeout, device=told.device
        )
        run(job, rank, lambda event: _collect(found, event))
    except ShardError as failure:
        sys.stderr.write(f"rank {rank}: error[{failure.code}]: {failure}\n")
        return 1
    except Exception as failure:
        sys.stderr.write(f"rank {rank}: {describe(failure)['message']}\n")
        return 1
    for row, tokens in sorted(found.items()):
        sys.stdout.write(f"[{row}] {texts.decode(tokens) if texts else tokens}\n")
    return 0


def _collect(found: dict[int, list[int]], event: dict[str, Any]) -> None:
    for offset, token in enumerate(event.get("tokens", ())):
        found.setdefault(event["first"] + offset, []).append(token)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torchrun -m infopt_compiler.passes.shard.run.torchrun")
    parser.add_argument("folder", metavar="DIR", help="a sharded model")
    parser.add_argument(
        "--prompt", action="append", required=True, help="may be given several times: a batch"
    )
    parser.add_argument("--tokens", type=int, default=64, help="most tokens for each prompt")
    parser.add_argument("--raw", action="store_true", help="no chat template")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds to wait for another rank")
    return parser


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # not the interpreter's end: it could wait for peers that are gone
