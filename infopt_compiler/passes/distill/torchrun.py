"""Training in several processes: torchrun starts them, the first of them tells how far it is.

Each process (`ranks`) computes its share of a step's windows; gradients are added up (`training.processes`), so the step is
the one that a single process would make. Models are held whole by every process.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Artifact, HFModel, QuantizedModel, TextData
from infopt_compiler.passes.base import PassError, RunContext
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.instance import parameters_of

_PR_SET_PDEATHSIG = 1
LINE = "infopt "  # in front of the lines that are meant for the parent


def train_in_processes(
    settings: DistillParameters,
    ctx: RunContext,
    teacher: Path,
    student: HFModel | QuantizedModel | None,
    texts: tuple[TextData, ...],
) -> None:
    """Train control and student; their folders and facts are in the work folder afterwards. PassError of a process is
    raised here again."""
    job = {
        "parameters": parameters_of(settings),
        "teacher": str(teacher),
        "student": _plain(student) if student else None,
        "texts": [_plain(text) for text in texts],
        "staging": str(ctx.staging),
        "scratch": str(ctx.scratch),
        "threads": max(1, ctx.threads // settings.world_size),
        "seed": ctx.seed,
        "target": asdict(ctx.target),
    }
    file = ctx.scratch / "ranks.json"
    file.write_text(json.dumps(job), "utf-8")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc_per_node={settings.world_size}",
        "--no-python",
        sys.executable,
        "-P",
        "-m",
        "infopt_compiler.passes.distill.ranks",
        str(file),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(job["threads"])}
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=_end_with_parent
    )
    assert child.stdout is not None
    failure: dict[str, Any] | None = None
    try:
        for line in child.stdout:
            if line.startswith(LINE):
                failure = _heard(json.loads(line.removeprefix(LINE)), ctx) or failure
    finally:
        if sys.exc_info()[0] is not None:
            child.terminate()
        status = child.wait()
    if failure is not None:
        raise _again(failure)
    if status != 0:
        raise PassError(
            f"a training process ended with status {status}; its words are in the log", code="E0750"
        )


def _end_with_parent() -> None:
    """torchrun is told to end when this process does, however it does; it then ends its own."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _heard(line: dict[str, Any], ctx: RunContext) -> dict[str, Any] | None:
    if "error" in line:
        return dict(line["error"])
    if "log" in line:
        ctx.log(line["log"])
    else:
        ctx.progress(line["done"], line["total"], line["message"])
    return None


def _again(failure: dict[str, Any]) -> PassError:
    error = PassError(failure["message"], help=failure["help"], code=failure["code"])
    error.keep_staging = failure["keep"]
    return error


def _plain(artifact: Artifact) -> dict[str, str]:
    return {"kind": artifact.kind, "path": str(artifact.path), "digest": artifact.digest}
