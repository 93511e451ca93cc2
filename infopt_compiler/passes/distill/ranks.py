"""Training in several processes: torchrun starts them, the first of them tells how far it is.

Each process computes its share of a step's windows; gradients are added up (`training.processes`), so the step is the one
that a single process would make. Models are held whole by every process.
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
from infopt_compiler.passes.distill.distill import Distill
from infopt_compiler.passes.instance import make_pass, parameters_of

_PR_SET_PDEATHSIG = 1
_LINE = "infopt "  # in front of the lines that are meant for the parent


class TellingContext:
    """The context of one process; only the first one tells."""

    def __init__(self, job: dict[str, Any], rank: int) -> None:
        from infopt_compiler.targets.model import Target

        self.staging, self.scratch = Path(job["staging"]), Path(job["scratch"])
        self.threads, self.seed, self._rank = job["threads"], job["seed"], rank
        self.target = Target(**job["target"])

    def progress(self, done: float, total: float, message: str = "") -> None:
        self._tell({"done": float(done), "total": float(total), "message": message})

    def log(self, message: str) -> None:
        self._tell({"log": message})

    def _tell(self, line: dict[str, Any]) -> None:
        if self._rank == 0:
            sys.stdout.write(_LINE + json.dumps(line) + "\n")
            sys.stdout.flush()


def train_in_processes(
    settings: Distill,
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
        "threads": max(1, ctx.threads // settings.processes),
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
        f"--nproc_per_node={settings.processes}",
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
            if line.startswith(_LINE):
                failure = _heard(json.loads(line.removeprefix(_LINE)), ctx) or failure
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


def _handle(data: dict[str, str]) -> Any:
    kinds = {cls.kind: cls for cls in (HFModel, QuantizedModel, TextData)}
    return kinds[data["kind"]](Path(data["path"]), data["digest"])


def main(file: str) -> int:
    """One process of the training."""
    import torch

    from infopt_compiler.passes.distill.prepare import prepare
    from infopt_compiler.passes.distill.run import Run
    from infopt_compiler.passes.distill.training.processes import Processes

    job = json.loads(Path(file).read_text("utf-8"))
    settings = make_pass(Distill, job["parameters"])
    assert isinstance(settings, Distill)
    processes = Processes.joined()
    ctx = TellingContext(job, processes.rank)
    torch.set_num_threads(ctx.threads)
    student = _handle(job["student"]) if job["student"] else None
    texts = tuple(_handle(text) for text in job["texts"])
    try:
        run = Run(settings, ctx, Path(job["teacher"]), student, texts, processes)
        prepared = prepare(run.setup)
        for label, blend in run.blends().items():
            run.training(label, blend, prepared)
    except PassError as wrong:
        told = {"code": wrong.code, "message": str(wrong), "help": wrong.help, "keep": wrong.keep_staging}
        ctx._tell({"error": told})
        processes.leave()
        return 1
    processes.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
