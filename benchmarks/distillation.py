"""Tokens per second of distilling SmolLM2 without layers 16 to 25: the loop that anyone would write, and the pass.

python -m benchmarks.distillation REPORT.json [ROUNDS]     REPORT.json: of a build of recipes/smollm2-small.opt, for its folders

The plain loop: transformers in float32, the teacher beside the student in every step, KL over the whole vocabulary, AdamW.
The pass: the teacher's view computed once and kept (its time is counted, and no window is seen twice, so nothing of it is
spread over epochs), fused head and loss, bfloat16 products where the processor has them. Both train the same 20 layers on the
same windows of 4 × 256 tokens and take turns, so that what the machine does meanwhile falls on both.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from infopt_compiler.artifacts import TextData
from infopt_compiler.passes.distill.data import Windows, training_windows
from infopt_compiler.passes.distill.decoder import load_decoder
from infopt_compiler.passes.distill.decoder_task import DecoderTask
from infopt_compiler.passes.distill.device import multiplies_bfloat16
from infopt_compiler.passes.distill.head import Blend
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.teacher import View, Views, teach
from infopt_compiler.passes.distill.training.loop import train
from infopt_compiler.passes.distill.training.settings import TrainSettings
from infopt_compiler.passes.distill.weights import PlainWeights

BATCH, STEPS, RATE = 4, 8, 3e-4
REMOVED = range(16, 26)


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    paths = {row["name"]: Path(row["path"]) for row in report["passes"]}
    torch.set_num_threads(2)
    text = training_windows(paths["smollm2"], (TextData(paths["torch"], ""),)).train_NS
    found: dict[str, list[float]] = {"plain loop": [], "pass": []}
    for k in range(rounds):
        ids = text[k * BATCH * STEPS : (k + 1) * BATCH * STEPS]
        found["plain loop"].append(plain(paths["smollm2"], ids))
        found["pass"].append(ours(paths["smollm2"], ids))
        print(
            f"round {k + 1}: "
            + ", ".join(f"{name} {rates[-1]:.0f} tokens/s" for name, rates in found.items())
        )
    pairs = [b / a for a, b in zip(*found.values(), strict=True)]
    print(f"pass over plain loop: {statistics.median(pairs):.2f} ({min(pairs):.2f} … {max(pairs):.2f})")


def plain(teacher_path: Path, ids_NS: Tensor) -> float:
    """Tokens a second of the plain loop, models loaded before."""
    teacher, student = load_decoder(teacher_path), smaller(load_decoder(teacher_path))
    optimizer = torch.optim.AdamW(student.parameters(), lr=RATE)
    started = time.monotonic()
    for first in range(0, len(ids_NS), BATCH):
        ids_BS = ids_NS[first : first + BATCH]
        with torch.no_grad():
            log_p = teacher(ids_BS).logits[:, :-1].log_softmax(-1).flatten(0, 1)
        log_q = student(ids_BS).logits[:, :-1].log_softmax(-1).flatten(0, 1)
        nn.functional.kl_div(log_q, log_p, log_target=True, reduction="batchmean").backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return ids_NS.numel() / (time.monotonic() - started)


def ours(teacher_path: Path, ids_NS: Tensor) -> float:
    """Tokens a second of the pass: the teacher's reading and the steps, looks and checkpoints included."""
    floats16 = multiplies_bfloat16("cpu")
    teacher, student = load_decoder(teacher_path), smaller(load_decoder(teacher_path))
    PlainWeights(teacher, len(teacher.model.layers), False, floats16=floats16)
    weights = PlainWeights(student, 0, False, floats16=floats16)
    settings = TrainSettings(
        len(ids_NS) // BATCH,
        BATCH,
        BATCH,
        RATE,
        evaluate_every=10**6,
        checkpoint_every=10**6,
        floats16=floats16,
    )
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        view = read(teacher, ids_NS, Path(folder) / "view", floats16)
        kept = View(view.words[:1], view.log_p[:1], None)
        windows = Windows(ids_NS, ids_NS[:1])
        task = DecoderTask(
            student,
            weights,
            windows,
            Views(view, kept, kept),
            Blend(Objective.kl),
            first=0,
            floats16=floats16,
            micro_batch=BATCH,
        )
        train(task, settings, Path(folder) / "training", lambda *_: None)
        return ids_NS.numel() / (time.monotonic() - started)


def read(teacher: Any, ids_NS: Tensor, folder: Path, floats16: bool) -> View:
    return teach(
        teacher, ids_NS, folder, top=128, temperature=1.0, shared=0, floats16=floats16, tell=lambda *_: None
    )


def smaller(model: Any) -> Any:
    model.model.layers = nn.ModuleList(
        layer for number, layer in enumerate(model.model.layers) if number not in REMOVED
    )
    model.config.num_hidden_layers = len(model.model.layers)
    return model


if __name__ == "__main__":
    main()
