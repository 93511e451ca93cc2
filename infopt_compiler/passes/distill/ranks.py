"""One process of a training in several: torchrun starts it (`torchrun`), the first of them tells how far it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from infopt_compiler.artifacts import HFModel, QuantizedModel, TextData
from infopt_compiler.passes.base import Earlier, PassError
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.distill.prepare import prepare
from infopt_compiler.passes.distill.run import Run
from infopt_compiler.passes.distill.torchrun import LINE
from infopt_compiler.passes.distill.training.processes import Processes
from infopt_compiler.passes.instance import make_pass
from infopt_compiler.targets.model import Target


class TellingContext:
    """The context of one process; only the first one tells."""

    def __init__(self, job: dict[str, Any], rank: int) -> None:
        self.staging, self.scratch = Path(job["staging"]), Path(job["scratch"])
        self.threads, self.seed, self._rank = job["threads"], job["seed"], rank
        self.target = Target(**job["target"])
        self.earlier: Earlier | None = None

    def progress(self, done: float, total: float, message: str = "") -> None:
        self._tell({"done": float(done), "total": float(total), "message": message})

    def log(self, message: str) -> None:
        self._tell({"log": message})

    def _tell(self, line: dict[str, Any]) -> None:
        if self._rank == 0:
            sys.stdout.write(LINE + json.dumps(line) + "\n")
            sys.stdout.flush()


def _handle(data: dict[str, str]) -> Any:
    kinds = {cls.kind: cls for cls in (HFModel, QuantizedModel, TextData)}
    return kinds[data["kind"]](Path(data["path"]), data["digest"])


def main(file: str) -> int:
    """One process of the training."""
    job = json.loads(Path(file).read_text("utf-8"))
    settings = make_pass(DistillParameters, job["parameters"])
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
