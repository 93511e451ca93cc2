"""The way from a source to what ships: its stages, what each came to in a metric, and the clock that they share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infopt_compiler.artifacts import Artifact, ModelSpec

NOT_MEASURED = "not measured"
OUT_OF_TIME = "the time allowed for attribution was used up"
OFF = "measure.attribution=false"


@dataclass(frozen=True)
class Stage:
    """A step on the way: its binding, the pass that made it, and what came out. `spec` None: shapes unknown.

    `proven`: the most that its logits differ from those of the step before, where the pass compared them; None where it
    did not. Such a step has the quality of the one before."""

    name: str
    pass_name: str
    artifact: Artifact
    spec: ModelSpec | None
    proven: float | None = None


@dataclass(frozen=True)
class Point:
    """A metric of a stage in base units. `basis`: exact, measured, predicted, not served, not measured. `low` and `high`: its
    interval, of requests the lowest and the highest block."""

    value: float | None
    basis: str
    note: str = ""
    low: float | None = None
    high: float | None = None


class OutOfTime(Exception):
    """Raised by the clock inside a long computation; what was finished stays."""


class Clock:
    """Seconds that attribution may take; `progress` (a Progress) stops what reports to it when they are over."""

    def __init__(self, seconds: float) -> None:
        self._start, self.seconds = time.monotonic(), seconds

    @property
    def spent(self) -> float:
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        return self.seconds - self.spent

    def check(self) -> None:
        if self.left <= 0:
            raise OutOfTime


def distinct(stages: Sequence[Stage]) -> Iterator[Stage]:
    """One stage for each artifact: `select` hands on what came in."""
    seen: set[str] = set()
    for stage in stages:
        if stage.artifact.digest not in seen:
            seen.add(stage.artifact.digest)
            yield stage


def equals(stages: Sequence[Stage], subject: str) -> dict[str, str]:
    """Digest → the digest that is scored in its place: of stages whose logits were proven equal the subject, else the first."""
    groups: list[list[str]] = []
    for stage in stages:
        if groups and (stage.proven is not None or stage.artifact.digest in groups[-1]):
            groups[-1].append(stage.artifact.digest)
        else:
            groups.append([stage.artifact.digest])
    return {digest: subject if subject in group else group[0] for group in groups for digest in group}


def why_not(on: bool) -> Point:
    """What is unknown because nobody measured it: switched off, or out of time."""
    return Point(None, NOT_MEASURED, OUT_OF_TIME if on else OFF)
