"""Passes that do what real ones do at their worst. Workers import this module by name."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from infopt_compiler.artifacts import HFModel, TextData
from infopt_compiler.passes.base import Pass, PassError, RunContext, param
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.scenario import Scenario


def _link(source: Path, folder: Path) -> None:
    """The model, without the notes that toys write: links share their bytes."""
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).hardlink_to(source / name)


class Way(str, Enum):
    fine = "fine"
    exception = "exception"
    told = "told"
    segfault = "segfault"
    killed = "killed"
    leaves = "leaves"
    hangs = "hangs"
    hogs = "hogs"
    fills = "fills"
    nothing = "nothing"
    lies = "lies"  # writes another model than `transform` says
    strange = "strange"  # writes something that is none of its kind
    nan = "nan"
    late = "late"  # crashes after its result
    forks = "forks"  # leaves a child behind and hangs


@register_pass
@dataclass(kw_only=True)
class Toy(Pass):
    """Links its input and adds a note; or fails in some `way`."""

    name: ClassVar[str] = "toy"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel, "text": TextData | None, "under": Scenario | None}
    output: ClassVar[type[HFModel]] = HFModel
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)

    way: Way = param(Way.fine, "how it goes")
    note: str = param("", "what is written")
    weight: float = param(1.0, "a number")
    flag: str = param("", "a file; without it the pass dies half-way")

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        ctx.progress(0, 2, "begins")
        sys.stderr.write("toy speaks\n")
        self._fail(ctx)
        if self.way is Way.nothing:
            return {}
        if self.way is not Way.strange:
            _link(inputs["model"].path, ctx.staging)
        if self.way is Way.lies:
            config = json.loads((path := ctx.staging / "config.json").read_text())
            path.unlink()  # its bytes are the source's
            path.write_text(json.dumps({**config, "num_hidden_layers": 7}))
        (ctx.staging / "note.json").write_text(json.dumps({"note": self.note, "seed": ctx.seed}))
        ctx.progress(2, 2, "ends")
        facts = {"threads": ctx.threads, "target": ctx.target.name}
        facts |= {
            "text": inputs["text"] and inputs["text"].kind,
            "under": inputs["under"] and inputs["under"].prompt,
        }
        return {**facts, "bad": float("nan")} if self.way is Way.nan else facts

    def _fail(self, ctx: RunContext) -> None:
        match self.way:
            case Way.exception:
                raise RuntimeError("matrices do not fit")
            case Way.told:
                raise PassError("the model has no layers", help="take another", code="E0700")
            case Way.segfault:
                os.kill(os.getpid(), signal.SIGSEGV)
            case Way.killed:
                os.kill(os.getpid(), signal.SIGKILL)
            case Way.leaves:
                os._exit(7)
            case Way.hangs:
                time.sleep(60)
            case Way.hogs:
                held = [bytearray(b"x" * 20_000_000) for _ in range(40)]
                time.sleep(5 + len(held))
            case Way.fills:
                with (ctx.staging / "big").open("wb") as file:
                    while True:
                        file.write(b"x" * 1_000_000)
            case Way.forks:
                child = os.posix_spawn("/bin/sleep", ["sleep", "61"], {})
                Path(self.note).write_text(str(child))
                time.sleep(60)


@register_pass
@dataclass(kw_only=True)
class Measured(Pass):
    """Writes what a file says: other bytes with the same parameters, as what is chosen by measuring may have."""

    name: ClassVar[str] = "toy_measured"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel}
    output: ClassVar[type[HFModel]] = HFModel
    chooses_by_measuring: ClassVar[bool] = True

    file: str = param("", "what is read")

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        _link(inputs["model"].path, ctx.staging)
        (ctx.staging / "chosen").write_text(Path(self.file).read_text())
        return {}


@register_pass
@dataclass(kw_only=True)
class Steps(Pass):
    """Writes a file per step; dies at the third until `flag` exists. What it finds staged it does not do again."""

    name: ClassVar[str] = "toy_steps"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"models": tuple[HFModel, ...]}
    output: ClassVar[type[HFModel]] = HFModel
    machine_bound: ClassVar[bool] = True

    flag: str = param("", "a file; without it the pass dies half-way")

    waits: bool = param(False, "a pause after each step")

    def resumes_at(self, staging: Path, inputs: Mapping[str, Any]) -> str | None:
        assert all(isinstance(model, HFModel) for model in inputs["models"])
        done = len(list(staging.glob("layer*")))
        return f"layer {done + 1} of 5" if done else None

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        done = 0
        for step in range(5):
            path = ctx.staging / f"layer{step}"
            if path.exists():
                continue
            if step == 3 and not Path(self.flag).exists():
                Path(self.flag).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            path.write_text(str(step))
            done += 1
            ctx.progress(step + 1, 5, f"layer {step + 1}")
            if self.waits:
                time.sleep(0.3)  # events are sent every tenth of a second
        _link(inputs["models"][0].path, ctx.staging)
        return {"done": done, "models": len(inputs["models"])}


@register_pass
@dataclass(kw_only=True)
class Unsure(Pass):
    """Counts its runs, each going on from the one before; its result is final once `flag` exists."""

    name: ClassVar[str] = "toy_unsure"
    version: ClassVar[int] = 1
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel}
    output: ClassVar[type[HFModel]] = HFModel

    flag: str = param("", "a file; without it the result is not final")
    changes: bool = param(False, "each run writes other bytes")
    seconds: float = param(0.0, "how long a run takes")
    fails: bool = param(False, "a run that goes on from an earlier one fails")

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        time.sleep(self.seconds)
        if self.fails and ctx.earlier is not None:
            raise PassError("the measuring failed")
        count = 1 if ctx.earlier is None else int(ctx.earlier.facts["count"]) + 1
        if ctx.earlier is not None:
            assert (ctx.earlier.path / "count").exists()
        _link(inputs["model"].path, ctx.staging)
        (ctx.staging / "count").write_text(str(count if self.changes else 0))
        facts = {"count": count}
        return facts if Path(self.flag).is_file() else {**facts, "provisional": "others used the cores"}
