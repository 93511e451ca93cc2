"""`python -m tests.passes.distill.killed JOB`: the pass on a tiny model, ended by SIGKILL behind the step that the job names."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from infopt_compiler.artifacts import HFModel, TextData
from infopt_compiler.passes.distill import run
from tests.passes.distill.conftest import Context, small


@dataclass
class Deadly(Context):
    """Its process gets no chance to tidy up."""

    last: str = ""

    def progress(self, done: float, total: float, message: str = "") -> None:
        if self.last and message.startswith(f"{self.last} of"):
            os.kill(os.getpid(), signal.SIGKILL)


def main(job: dict[str, str]) -> None:
    vars(run)["judge"] = (
        lambda *arguments, **settings: {}
    )  # judging starts from the student's files: it changes none
    root = Path(job["root"])
    ctx = Deadly(root / "staging", root, last=job["last"])
    ctx.staging.mkdir(parents=True, exist_ok=True)
    text, held = (TextData(Path(job[name]), "") for name in ("text", "heldout"))
    teacher = HFModel(Path(job["teacher"]), "")
    small().run(ctx, teacher=teacher, student=None, text=(text,), heldout=held, other=held)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
