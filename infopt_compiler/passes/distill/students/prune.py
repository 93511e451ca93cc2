"""A student's folder out of its teacher's: layers, heads and channels that matter most, then healed in closed form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.amounts import DEPTH_TOKENS, FIT_TOKENS
from infopt_compiler.passes.distill.data import spread_windows
from infopt_compiler.passes.distill.students.blocks import Blocks, DecoderBlocks, open_blocks
from infopt_compiler.passes.distill.students.cut import cut_config, cut_layer
from infopt_compiler.passes.distill.students.depth import Progress, choose_layers
from infopt_compiler.passes.distill.students.heal import heal
from infopt_compiler.passes.distill.students.plan import StudentShape
from infopt_compiler.passes.distill.students.width import Kept, choose_width, measure_activity

_WEIGHTS = "model.safetensors"


def prune_folder(
    teacher: Path,
    shape: StudentShape,
    windows: Tensor,
    out: Path,
    progress: Progress,
    trials: Tensor | None = None,
) -> dict[str, Any]:
    """Write the student of that shape into `out`; what was kept, and how important it was.

    `windows` (windows, tokens) are ids of text to observe the teacher on (an encoder's are padded with its padding id).
    `trials`: ids on which layers are tried, where these are not the windows' own first ones.
    Deterministic: the same teacher, shape, windows and number of threads give the same bytes. Raises OSError.
    """
    spec = ModelSpec.from_folder(teacher)
    with torch.no_grad():
        blocks = open_blocks(teacher, trials if trials is not None else _about(windows, DEPTH_TOKENS))
        facts: dict[str, Any] = {}
        kept = tuple(range(spec.layers))
        if shape.layers < spec.layers:
            depth = choose_layers(blocks, shape.layers, progress)
            kept, facts = depth.kept, depth.facts()
        blocks.observe(_about(windows, FIT_TOKENS))
        state, chosen = _cut(blocks, spec, shape, kept)
        if chosen:
            facts["kept_width"] = [{"layer": k, **part.facts()} for k, part in zip(kept, chosen, strict=True)]
        config = cut_config(json.loads((teacher / "config.json").read_text("utf-8")), kept, shape.spec(spec))
        draft = out.with_name(f"{out.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        _write_draft(teacher, draft, config, state)
        student = open_blocks(draft, blocks.ids_BS)
        facts |= _heal(blocks, student, kept, progress)
        weights = student.model.state_dict()
        _save({name: weights[name] for name in state}, draft)
    draft.rename(out)
    return facts


def _about(windows: Tensor, tokens: int) -> Tensor:
    """That many tokens, in windows spread over all."""
    return spread_windows(windows, tokens // windows.shape[1])


def _cut(
    blocks: Blocks, spec: ModelSpec, shape: StudentShape, kept: tuple[int, ...]
) -> tuple[dict[str, Tensor], list[Kept]]:
    """The student's tensors by name, and what of each layer's width stays (nothing where all of it does)."""
    narrower = shape.spec(spec).linear_shapes() != spec.linear_shapes()
    activity = measure_activity(blocks) if narrower else None
    state = {name: value for name, value in blocks.tensors.items() if not name.startswith(blocks.prefix)}
    chosen = []
    for place, layer in enumerate(kept):
        tensors = dict(blocks.modules[layer].state_dict())
        if activity is not None:
            chosen.append(choose_width(activity, layer, spec, shape))
            tensors = cut_layer(tensors, chosen[-1], spec)
        state |= {f"{blocks.prefix}{place}.{name}": value for name, value in tensors.items()}
    return state, chosen


def _heal(teacher: Blocks, student: Blocks, kept: tuple[int, ...], progress: Progress) -> dict[str, Any]:
    """Heal the student; its divergence from the teacher on this text before and after."""
    before = teacher.apart(student)
    left = heal(teacher, student, kept, progress)
    after = teacher.apart(student)
    return {
        "divergence_cut": round(before, 4),
        "divergence_fitted": round(after, 4),
        "divergence_unit": "nats" if isinstance(teacher, DecoderBlocks) else "1 - cosine",
        "fit_error_left": [round(value, 4) for value in left],
    }


def _write_draft(teacher: Path, draft: Path, config: dict[str, Any], state: dict[str, Tensor]) -> None:
    """The student as cut, and the teacher's tokenizer and other small files."""
    for file in sorted(teacher.rglob("*")):
        if file.is_file() and file.suffix != ".safetensors" and not file.name.endswith(".index.json"):
            place = draft / file.relative_to(teacher)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    (draft / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    _save(state, draft)


def _save(state: dict[str, Tensor], folder: Path) -> None:
    """Beside and then in place: the old file may still be mapped."""
    from safetensors.torch import save_file

    beside = folder / "weights.partial"
    save_file({name: value.contiguous() for name, value in state.items()}, beside, {"format": "pt"})
    beside.replace(folder / _WEIGHTS)
