"""What every stage of a run of `distill` needs to know: what is distilled, where it works, and with what arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from infopt_compiler.artifacts import HFModel, QuantizedModel, TextData
from infopt_compiler.passes.base import RunContext
from infopt_compiler.passes.distill.device import device_name, multiplies_bfloat16
from infopt_compiler.passes.distill.kept_files import WORK
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.distill.training.processes import Processes


@dataclass(frozen=True)
class Setup:
    """`teacher`: its folder; `student`: None where one is made from the teacher."""

    settings: DistillParameters
    ctx: RunContext
    teacher: Path
    student: HFModel | QuantizedModel | None
    texts: tuple[TextData, ...]
    processes: Processes = field(default_factory=Processes)

    @property
    def work(self) -> Path:
        return self.ctx.staging / WORK

    @cached_property
    def device(self) -> str:
        return device_name()

    @cached_property
    def floats16(self) -> bool:
        """Products in bfloat16."""
        return self.settings.wants_bfloat16(multiplies_bfloat16(self.device))

    @property
    def quantized(self) -> bool:
        """The student's integers are what is trained."""
        return isinstance(self.student, QuantizedModel)
