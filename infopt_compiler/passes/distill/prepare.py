"""What comes before training: the text in windows, the student that it begins with, and what the teacher says of the text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from infopt_compiler.passes.distill.amounts import QUICK_STEPS
from infopt_compiler.passes.distill.data import Windows, training_windows
from infopt_compiler.passes.distill.decoder import load_decoder, shared_layers
from infopt_compiler.passes.distill.generate import continued
from infopt_compiler.passes.distill.parameters import Freeze, Preset, Source
from infopt_compiler.passes.distill.qat_weights import load_quantized
from infopt_compiler.passes.distill.setup import Setup
from infopt_compiler.passes.distill.start import make_student
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
        top=setup.settings.top_k,
        temperature=temperature,
        shared=shared,
        floats16=setup.floats16,
        tell=tell,
        device=setup.device,
    )
