"""The pass `pack`: a decoder as one file, without what no runtime reads."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from infopt_compiler.artifacts import HFModel, ModelSpec
from infopt_compiler.passes.base import Estimate, Pass, PassError, Problem, RunContext, param
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.targets.model import Target
from infopt_example.kind import FILE, PackedModel

BESIDE = "tokenizer.json"  # is read before a runtime is asked: how texts are cut into windows
READ = (".json", ".safetensors", ".model", ".txt", ".jinja")  # what runtimes and tokenizers open


@register_pass
@dataclass(kw_only=True)
class Pack(Pass):
    """Put a float decoder into one file, so that it is copied, signed and fetched as one; its tokenizer stays beside."""

    name: ClassVar[str] = "pack"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel}
    output: ClassVar[type[PackedModel]] = PackedModel

    strip: bool = param(True, "Leave out what no runtime reads: cards, pictures, licences.")

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        if model is not None and not model.family.generates:
            yield Problem(
                f"`pack` takes decoders, and a `{model.model_type}` model generates nothing", "model"
            )

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """Copying: half a GB a second, a block at a time."""
        return Estimate(0.5 + model.weight_bytes / 500e6, 60e6, model.weight_bytes)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        folder: Path = inputs["model"].path
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        packed = [file for file in files if not self.strip or file.suffix in READ]
        if not any(file.suffix == ".safetensors" for file in packed):
            raise PassError("the model has no weights", help="fetch it again")
        with tarfile.open(ctx.staging / FILE, "w") as archive:
            for done, file in enumerate(packed):
                ctx.progress(done, len(packed), file.name)
                archive.add(file, str(file.relative_to(folder)), filter=_plain)
        if (folder / BESIDE).is_file():
            shutil.copyfile(folder / BESIDE, ctx.staging / BESIDE)
        return {"packed": len(packed), "left_out": len(files) - len(packed)}


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without owner and times: the same model gives the same bytes."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry
