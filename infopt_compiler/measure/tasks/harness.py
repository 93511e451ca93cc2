"""The process of a task: `python -m infopt_compiler.measure.tasks.harness TASK KIND MODEL SCRATCH` writes JSON lines.

lm-eval makes the requests and scores the answers; the model runs in a scoring process of its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import KINDS
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.runtimes.scorer import Scorer
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.task_folder import OpenTask, open_task

_EXCERPT = 240
# lm-eval's name → ours. `exact_match` is the accuracy of answers that are written.
_ACCURACY = ("acc", "exact_match")
_NORMED = "acc_norm"


def answer_all(task: Any, model: Any) -> None:
    """As lm-eval's evaluator does: the requests of a kind together, each answer kept with its request."""
    ordered = sorted(task.instances, key=lambda one: str(one.request_type))
    for kind, group in groupby(ordered, key=lambda one: str(one.request_type)):
        requests = list(group)
        for request, answer in zip(requests, getattr(model, kind)(requests), strict=True):
            request.resps = [answer] * (request.repeats or 1)
    task.apply_filters()


def rows(opened: OpenTask) -> Iterator[dict[str, Any]]:
    """What lm-eval's scoring gives each document."""
    task = opened.task
    name = task._filters[0].name
    ordered = sorted(task.instances, key=lambda one: (one.doc_id, one.idx))
    for number, group in groupby(ordered, key=lambda one: one.doc_id):
        requests = list(group)
        found = task.process_results(requests[0].doc, [one.filtered_resps[name] for one in requests])
        right = next(float(found[key]) for key in _ACCURACY if key in found)
        normed = float(found[_NORMED]) if _NORMED in found else None
        text = " ".join(str(requests[0].args[0])[-_EXCERPT:].split())
        yield {"document": opened.documents[number], "right": right, "normed": normed, "excerpt": text}


def run(folder: Path, kind: str, model: Path, scratch: Path, emit: Callable[[dict[str, Any]], None]) -> None:
    from infopt_compiler.measure.tasks.harness_model import ServedModel

    with open_task(folder) as opened, Scorer(KINDS.find(kind)(model, ""), scratch) as scorer:
        total = len(opened.task.instances)
        served = ServedModel(
            scorer, model, lambda done: emit({"event": "progress", "done": done, "total": total})
        )
        answer_all(opened.task, served)
        versions = {name: version(name) for name in ("lm-eval", "datasets")} | scorer.ready["versions"]
        emit({"event": "result", "rows": list(rows(opened)), "versions": versions})


def _main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print to stdout at will
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

    def emit(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    task, kind, model, scratch = sys.argv[1:]
    try:
        run(Path(task), kind, Path(model), Path(scratch), emit)
    except SourceError as wrong:
        emit({"event": "error", "code": wrong.code, "message": str(wrong), "notes": [], "help": wrong.help})
    except DiagnosticError as wrong:
        first = wrong.diagnostics[0]
        notes = [note.message for note in first.notes]
        emit(
            {
                "event": "error",
                "code": first.code,
                "message": first.message,
                "notes": notes,
                "help": first.help,
            }
        )


if __name__ == "__main__":
    _main()
