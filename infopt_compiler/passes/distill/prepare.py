"""What comes before training: the text in windows, the student that it begins with, and what the teacher says of the text."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.durable import read_json, write_json
from infopt_compiler.passes.distill.amounts import QUICK_STEPS, TRIAL_TOKENS, TRIALS
from infopt_compiler.passes.distill.data import Windows, training_windows
from infopt_compiler.passes.distill.decoder import load_decoder, shared_layers
from infopt_compiler.passes.distill.distill import Freeze, Preset, Source
from infopt_compiler.passes.distill.generate import continued
from infopt_compiler.passes.distill.grid_weights import load_quantized
from infopt_compiler.passes.distill.setup import Setup
from infopt_compiler.passes.distill.students.plan import choose_shape
from infopt_compiler.passes.distill.students.prune import prune_folder
from infopt_compiler.passes.distill.teacher import View, Views, teach
from infopt_compiler.passes.distill.training.errors import BadStudent
from infopt_compiler.passes.distill.weights import PlainWeights
from infopt_compiler.units import parse_quantity


@dataclass(frozen=True)
class Prepared:
    """What all trainings of a run share. `shared`: layers that training leaves out, given by the view. `own`: the text before
    the teacher wrote on it, where it does: that is the control's, which must see nothing of the teacher."""

    text: Windows
    own: Windows
    views: Views
    start: Path
    shared: int
    facts: dict[str, Any]


def prepare(setup: Setup) -> Prepared:
    text = read(setup)
    start, facts = make_student(setup, text)
    teacher = load_decoder(setup.teacher, setup.device)
    student = load_quantized(start) if setup.quantized else load_decoder(start, setup.device)
    wanted, own = (model.get_output_embeddings().weight.shape[0] for model in (teacher, student))
    if wanted != own:
        raise BadStudent(f"the teacher has {wanted} words, the student {own}")
    shared = 0
    if setup.settings.freeze is Freeze.shared and not setup.quantized:
        shared = min(shared_layers(teacher, student), len(student.model.layers) - 1)
    del student
    if setup.floats16:
        PlainWeights(teacher, len(teacher.model.layers), False, floats16=True)
    own = text
    text = written(setup, text, teacher)
    return Prepared(text, own, look(setup, teacher, text, shared), start, shared, facts)


def look(setup: Setup, teacher: Any, text: Windows, shared: int) -> Views:
    """What the teacher says of the text."""
    temperature = setup.settings.temperature
    train = view(setup, teacher, text.train_NS, "train", shared, temperature)
    validation = view(setup, teacher, text.validation_NS, "validation", shared, temperature)
    plain = validation
    if temperature != 1.0:
        plain = view(setup, teacher, text.validation_NS, "plain", 0, 1.0)
    return Views(train, validation, plain)


def read(setup: Setup) -> Windows:
    """The text in windows; `quick` takes what its steps need."""
    text = training_windows(setup.teacher, setup.texts)
    if setup.settings.preset is Preset.full:
        return text
    most = QUICK_STEPS * setup.settings.batch
    return Windows(text.train_NS[:most], text.validation_NS[:1])


def make_student(setup: Setup, text: Windows) -> tuple[Path, dict[str, Any]]:
    """The folder that training starts from, and what was kept of the teacher."""
    if setup.student is not None:
        return setup.student.path, {"made": "given"}
    start, kept = setup.work / "start", setup.work / "start.json"
    if read_json(kept) is None:
        shutil.rmtree(start, ignore_errors=True)
        shape = choose_shape(ModelSpec.from_folder(setup.teacher), **setup.settings.shape())
        quick = setup.settings.preset is Preset.quick
        facts = prune_folder(
            setup.teacher,
            shape,
            text.train_NS[:1] if quick else text.train_NS,
            start,
            setup.ctx.progress,
            trials=trial_windows(text.train_NS, TRIALS // 8 if quick else TRIALS),
        )
        write_json(kept, {"made": "pruned", **asdict(shape), **facts})
    found: dict[str, Any] = read_json(kept)
    return start, found


def written(setup: Setup, text: Windows, teacher: Any) -> Windows:
    """With the share of windows that the teacher wrote, where the recipe asks for that."""
    if setup.settings.source is not Source.teacher:
        return text
    share = parse_quantity(setup.settings.share).base
    ids = continued(
        teacher, text.train_NS, share, setup.work / "written.npy", setup.ctx, floats16=setup.floats16
    )
    return replace(text, train_NS=ids)


def view(setup: Setup, teacher: Any, ids: torch.Tensor, name: str, shared: int, temperature: float) -> View:
    def tell(done: int, count: int) -> None:
        setup.ctx.progress(done, count, f"the teacher reads: window {done} of {count}")

    return teach(
        teacher,
        ids,
        setup.work / "view" / name,
        top=setup.settings.top,
        temperature=temperature,
        shared=shared,
        floats16=setup.floats16,
        tell=tell,
        device=setup.device,
    )


def trial_windows(ids_NS: torch.Tensor, count: int) -> torch.Tensor:
    """Beginnings of evenly spread windows. A student of many layers is found by hundreds of trials, each a forward."""
    at = torch.linspace(0, len(ids_NS) - 1, min(max(1, count), len(ids_NS))).round().long()
    return ids_NS[at, :TRIAL_TOKENS]
