"""The instrument that lets models write: greedy continuations of held-out prompts, beside a reference's, until the first token that
differs; each (reference, data) once, or read from a record.

One token apart, two greedy texts go their own ways, so it is the tokens before that which count; each model runs in the runtime
that serves it, and where a model ends by itself is part of what it said. The subject writes; up to where the reference would have
written the same, one forward of the reference over that text says, in place of a decoding step for each token. (The two may differ
where two tokens are equal to within rounding.) Only where the subject ended early does the reference write, too: its length counts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.handles import Artifact, TextData
from infopt_compiler.budget import Bound, Interval
from infopt_compiler.measure.job import Details, Job, Own, Reading, Shown
from infopt_compiler.measure.text.estimate import estimate_quality
from infopt_compiler.measure.text.quality import QualityResult, WindowScore, common_cut
from infopt_compiler.measure.text.windowing import CONTINUED, load_tokenizer, prompt_of
from infopt_compiler.progress import Progress, no_progress
from infopt_compiler.runtimes.registry import scorer_of
from infopt_compiler.runtimes.scorer import Scorer

METRIC = "generation"


@dataclass(frozen=True)
class GenerationReading(Reading):
    """`compared` by data and reference."""

    job: Job
    compared: dict[tuple[str, str], Generations] = field(default_factory=dict)

    def own(self, bound: Bound) -> Own:
        return self._own(self.compared[_key(bound)])

    def shown(self) -> Iterator[Shown]:
        """A value for each text, with or without a bound that counts."""
        for one in self.compared.values():
            yield Shown(METRIC, self._own(one), on=one.on, reference=one.reference, unknown=True)

    def details(self) -> Details:
        return Details({"generations": {one.label: one.to_json() for one in self.compared.values()}})

    def _own(self, one: Generations) -> Own:
        return lambda confidence: one.interval(confidence, **self.job.drawn)


class GenerationInstrument:
    """Greedy continuations beside a reference's."""

    phase = "generation"
    metrics = frozenset({METRIC})

    def check(self, job: Job) -> None:
        """Nothing but what holds for every bound."""

    def measure(self, job: Job) -> GenerationReading:
        """One comparison for each pair of data and reference that the bounds name."""
        found = GenerationReading(job)
        for bound in job.of(self.metrics):
            if _key(bound) not in found.compared:
                found.compared[_key(bound)] = _measure(job, bound)
        return found


def _key(bound: Bound) -> tuple[str, str]:
    return bound.on or "", bound.reference or ""


def _measure(job: Job, bound: Bound) -> Generations:
    data, name, windows = job.text(bound), bound.reference or "", job.settings.windows
    reference = job.artifact(bound, name)

    def made() -> dict[str, Any]:
        return to_record(compare_generation(reference, job.subject, data, windows, progress=job.progress))

    key = job.text_key(job.subject, reference, data) + ".generation"
    return Generations(bound.on or "", name, from_record(job.remembered(key, bound, made)))


_SHOWN = 160  # characters of each text that a report shows
_WORST, _AFTER = (
    4,
    24,
)  # prompts that a report shows, and tokens of the reference there, from the first difference on


@dataclass(frozen=True)
class Continuation:
    """One prompt: `tokens` of the longer continuation, of which the first `equal` are the same in both."""

    document: str
    start: int
    tokens: int
    equal: int
    prompt: str
    reference: str
    own: str

    @classmethod
    def of(
        cls, place: tuple[str, int], ids: tuple[list[int], list[int]], texts: tuple[str, str, str]
    ) -> Continuation:
        """From the ids of the reference's continuation and of the subject's; both ending at once agree in that."""
        theirs, own = ids
        shared = next(
            (k for k, (a, b) in enumerate(zip(theirs, own, strict=False)) if a != b), min(map(len, ids))
        )
        tokens = max(1, len(theirs), len(own))
        return cls(*place, tokens, tokens if theirs == own else shared, *texts)  # fmt: skip


@dataclass(frozen=True)
class Generations:
    """The prompts of the data `on`, the subject against `reference`."""

    on: str
    reference: str
    rows: tuple[Continuation, ...]

    @property
    def label(self) -> str:
        return f"{self.on} vs {self.reference}"

    def interval(self, confidence: float, *, resamples: int, seed: int) -> Interval:
        """Tokens before the first difference over all tokens; a bootstrap that draws whole documents."""
        rows = tuple(
            WindowScore(row.document, row.start, row.tokens, 0, 0.0, None, (), row.equal, "")
            for row in self.rows
        )
        return estimate_quality(QualityResult(rows), "top1", None, confidence, resamples=resamples, seed=seed)

    def to_json(self, worst: int = _WORST) -> dict[str, Any]:
        """Counts, and the prompts whose texts part earliest."""
        ordered = sorted(self.rows, key=lambda row: row.equal / row.tokens)
        parted = [row.equal for row in self.rows if row.equal < row.tokens]
        return {
            "prompts": len(self.rows),
            "identical": len(self.rows) - len(parted),
            "first_differences": sorted(parted),
            "worst": [asdict(row) for row in ordered[:worst] if row.equal < row.tokens],
        }


def compare_generation(
    reference: Artifact,
    subject: Artifact,
    data: TextData,
    windows: int = 0,
    *,
    progress: Progress = no_progress,
) -> tuple[Continuation, ...]:
    """A continuation of the beginning of each window by both. DiagnosticError as `quality.compare` has them."""
    for artifact in (reference, subject):
        scorer_of(artifact)
    text = common_cut(reference, {"the subject": subject}, data, windows)
    decode = load_tokenizer(reference.path).decode
    prompts = [prompt_of(window) for window in text.windows]
    with tempfile.TemporaryDirectory(prefix="infopt-generate-") as scratch, ExitStack() as stack:
        base, own = (
            stack.enter_context(Scorer(artifact, Path(scratch) / str(number)))
            for number, artifact in enumerate((reference, subject))
        )
        pairs = []
        for number, prompt in enumerate(prompts):
            progress(number, len(prompts), "generating from held-out prompts")
            pairs.append(_pair(base, own, prompt))
        for number in _worst(pairs):
            most = min(CONTINUED, len(pairs[number][0]) + _AFTER)
            theirs = base.ask({"generate": prompts[number], "most": most})["ids"]
            pairs[number] = (theirs, pairs[number][1])
    rows = zip(text.windows, prompts, pairs, strict=True)
    return tuple(
        Continuation.of((window.document, window.start), pair, _texts(decode, prompt, pair))
        for window, prompt, pair in rows
    )


Pair = tuple[list[int], list[int]]  # ids of the reference's continuation and of the subject's


def _pair(base: Scorer, own: Scorer, prompt: list[int]) -> Pair:
    """The reference's ids go as far as they are needed: to its first token that differs, or to its end."""
    said = own.ask({"generate": prompt, "most": CONTINUED})["ids"]
    if len(said) < CONTINUED:
        return base.ask({"generate": prompt, "most": CONTINUED})["ids"], said
    favoured = base.ask({"ids": prompt, "followed": said})["ids"]
    at = next((k for k, (a, b) in enumerate(zip(favoured, said, strict=False)) if a != b), None)
    return (said if at is None else [*said[:at], favoured[at]]), said


def _worst(pairs: Sequence[Pair]) -> list[int]:
    """The prompts whose texts part earliest and where the reference was not heard any further."""
    cut = [k for k, (theirs, own) in enumerate(pairs) if theirs != own and len(own) == CONTINUED]
    return sorted(cut, key=lambda k: len(pairs[k][0]))[:_WORST]


def _texts(decode: Callable[[list[int]], str], prompt: list[int], pair: Pair) -> tuple[str, str, str]:
    theirs, own = pair
    return decode(prompt)[-_SHOWN:], decode(theirs)[:_SHOWN], decode(own)[:_SHOWN]


def from_record(data: dict[str, Any]) -> tuple[Continuation, ...]:
    return tuple(Continuation(**row) for row in data["rows"])


def to_record(rows: Sequence[Continuation]) -> dict[str, Any]:
    return {"rows": [asdict(row) for row in rows]}
