"""The student that training starts from: given, cut out of the teacher, or quantized with its integers fitted anew."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.durable import read_json, write_json
from infopt_compiler.passes.distill.amounts import REFIT_TOKENS, TRIAL_TOKENS, TRIALS
from infopt_compiler.passes.distill.data import Windows, spread_windows
from infopt_compiler.passes.distill.decoder import load_decoder
from infopt_compiler.passes.distill.qat_weights import QatWeights, load_quantized
from infopt_compiler.passes.distill.setup import Setup
from infopt_compiler.passes.distill.students.plan import choose_shape
from infopt_compiler.passes.distill.students.prune import prune_folder
from infopt_compiler.passes.distill.students.refit import refit
from infopt_compiler.passes.distill.training.errors import BadStudent
from infopt_compiler.passes.distill.write import write_student


def make_student(setup: Setup, text: Windows) -> tuple[Path, dict[str, Any]]:
    """The folder that training starts from, and what was kept of the teacher."""
    if setup.student is not None and not setup.settings.refit:
        return setup.student.path, {"made": "given"}
    if setup.student is not None and not setup.quantized:
        raise BadStudent("`refit` chooses integers, and this student has none", help="leave `refit` out")
    start, kept = setup.work / "start", setup.work / "start.json"
    if read_json(kept) is None:
        shutil.rmtree(start, ignore_errors=True)
        write_json(
            kept, _refitted(setup, text, start) if setup.student is not None else _pruned(setup, text, start)
        )
    found: dict[str, Any] = read_json(kept)
    return start, found


def _pruned(setup: Setup, text: Windows, start: Path) -> dict[str, Any]:
    """A student made from the teacher, in the folder `start`; how it was made."""
    shape = choose_shape(ModelSpec.from_folder(setup.teacher), **setup.settings.shape())
    quick = setup.settings.is_quick
    facts = prune_folder(
        setup.teacher,
        shape,
        text.train_NS[:1] if quick else text.train_NS,
        start,
        setup.ctx.progress,
        trials=trial_windows(text.train_NS, TRIALS // 8 if quick else TRIALS),
    )
    return {"made": "pruned", **asdict(shape), **facts}


def _refitted(setup: Setup, text: Windows, start: Path) -> dict[str, Any]:
    """The quantized student with integers fitted to the teacher, in the folder `start`; what was left of the error."""
    assert setup.student is not None
    teacher, student = load_decoder(setup.teacher, setup.device), load_quantized(setup.student.path)
    student = student.to(setup.device)
    weights = QatWeights(student, setup.student.path, teacher, head=True, floats16=False)
    weights.weights_changed()
    given = {name: matrix.integers() for name, matrix in weights.matrices.items()}
    quick = setup.settings.is_quick
    ids_BS = spread_windows(text.train_NS, 1 if quick else REFIT_TOKENS // text.train_NS.shape[1]).to(
        setup.device
    )
    left = refit(teacher, student, weights, ids_BS, setup.ctx.progress)
    write_student(setup.student.path, weights.whole(), start)
    moved = sum(int((weights.matrices[name].integers() != old).sum()) for name, old in given.items())
    return {
        "made": "given",
        "refit_tokens": ids_BS.numel(),
        "refit_error_left": [round(share, 4) for share in left],
        "refit_integers_changed": round(moved / sum(old.numel() for old in given.values()), 5),
    }


def trial_windows(ids_NS: torch.Tensor, count: int) -> torch.Tensor:
    """Beginnings of evenly spread windows. A student of many layers is found by hundreds of trials, each a forward."""
    return spread_windows(ids_NS, count)[:, :TRIAL_TOKENS]
