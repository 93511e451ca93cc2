"""The proof of equality: logits of the sharded run, prefill and decode, against the whole model's on real prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import NotEqual
from .launch import Ranks
from .logits import read_logits
from .rank import RankJob
from .reference import reference_logits

TOLERANCE = 2e-4  # of a logit, float32
MARGIN = 2 * TOLERANCE  # a reference whose two best tokens are nearer may choose either
Progress = Callable[[float, float, str], None]


@dataclass
class Comparison:
    """What was compared. `ties`: steps at which the reference's own margin allowed another token, and another was taken."""

    positions: int = 0
    prefill: float = 0.0
    decode: float = 0.0
    tokens: int = 0
    equal_tokens: int = 0
    ties: int = 0
    worst: tuple[int, int] = (0, 0)
    wrong: list[tuple[int, int, int, int, float]] = field(default_factory=list)

    @property
    def largest(self) -> float:
        return max(self.prefill, self.decode)

    def facts(self) -> dict[str, Any]:
        return {
            "compared_positions": self.positions,
            "largest_difference_prefill": self.prefill,
            "largest_difference_decode": self.decode,
            "tolerance": TOLERANCE,
            "greedy_tokens": self.tokens,
            "equal_tokens": self.equal_tokens,
            "tokens_within_margin": self.ties,
        }


@dataclass
class Run:
    """What the ranks generated: tokens of each prompt, and what each rank told of its memory."""

    tokens: list[list[int]]
    ranks: list[dict[str, Any]]


def generate(
    folder: Path,
    out: Path,
    prompts: list[list[int]],
    tokens: int,
    *,
    stop: tuple[int, ...] = (),
    logits: Path | None = None,
    timeout: float = 300.0,
    port: int = 0,
    step: Callable[[int], None] = lambda done: None,
) -> Run:
    """Start the ranks, generate greedily, end them; `step` gets the tokens so far. Raises what `Ranks` raises."""
    request = {"prompts": prompts, "tokens": tokens, "stop": stop, "logits": str(logits) if logits else None}
    job = RankJob(str(folder), str(out), (request,), timeout=timeout)
    found: list[list[int]] = [[] for _ in prompts]

    def told(event: dict[str, Any]) -> None:
        if event["event"] == "tokens":
            for offset, token in enumerate(event["tokens"]):
                found[event["first"] + offset].append(token)
            step(sum(map(len, found)))

    with Ranks(job, port=port) as ranks:
        facts = ranks.wait(told)
    return Run(found, facts)


def prove(
    source: Path,
    folder: Path,
    scratch: Path,
    floats: str,
    prompts: list[list[int]],
    tokens: int,
    progress: Progress,
) -> tuple[Comparison, Run]:
    """Run sharded, then whole on the same tokens, and compare every logit. NotEqual where they differ."""
    logits = scratch / "logits"
    logits.mkdir(parents=True, exist_ok=True)
    progress(0, 2, "running the shards")
    share = 1 / (tokens * len(prompts))
    run = generate(
        folder,
        scratch / "ranks",
        prompts,
        tokens,
        logits=logits,
        step=lambda done: progress(done * share, 2, "running the shards"),
    )
    for row, found in enumerate(run.tokens):
        if len(found) != tokens:
            raise NotEqual(f"the shards gave {len(found)} tokens of prompt {row}, not {tokens}")
    progress(1, 2, "running the whole model")
    compared = compare(source, floats, prompts, run.tokens, logits)
    refuse(compared, run)
    return compared, run


def compare(
    source: Path, floats: str, prompts: list[list[int]], tokens: list[list[int]], logits: Path
) -> Comparison:
    """Of the last token no logits were computed, so the texts end before it."""
    texts = [prompt + generated[:-1] for prompt, generated in zip(prompts, tokens, strict=True)]
    found = Comparison()

    def told(row: int, first: int, reference: Any) -> None:
        for offset, expected in enumerate(reference):
            position = first + offset
            _compare_one(found, row, position, expected.numpy(), prompts[row], tokens[row], logits)

    reference_logits(source, floats, texts, told)
    return found


def _compare_one(
    found: Comparison,
    row: int,
    position: int,
    expected: Any,
    prompt: list[int],
    tokens: list[int],
    logits: Path,
) -> None:
    import numpy as np

    got = read_logits(logits, row, position, len(expected))
    if len(got) != len(expected):
        raise NotEqual(f"the shards gave no logits of prompt {row}, position {position}")
    difference = float(np.abs(got - expected).max())
    difference = difference if np.isfinite(difference) else float("inf")
    if difference > found.largest:
        found.worst = (row, position)
    step = position - len(prompt) + 1
    if step <= 0:
        found.prefill = max(found.prefill, difference)
    else:
        found.decode = max(found.decode, difference)
    found.positions += 1
    if step >= 0:
        _compare_token(found, row, step, expected, tokens[step])


def _compare_token(found: Comparison, row: int, step: int, expected: Any, token: int) -> None:
    """The token that the shards chose behind this position."""
    import numpy as np

    found.tokens += 1
    second, best = np.partition(expected, -2)[-2:]
    if token == int(expected.argmax()):
        found.equal_tokens += 1
    elif best - second < MARGIN and expected[token] >= second - MARGIN:
        found.ties += 1
    else:
        found.wrong.append((row, step, token, int(expected.argmax()), float(best - second)))


def refuse(found: Comparison, run: Run) -> None:
    """NotEqual where a logit or a token is not the whole model's."""
    row, position = found.worst
    if found.largest > TOLERANCE:
        raise NotEqual(
            f"the sharded run's logits differ from the whole model's by {found.largest:.3g}, more than {TOLERANCE:g} "
            f"(prompt {row}, position {position})",
            help="this is a fault of the runtime, or of a feature of the model that it does not know",
        )
    if found.wrong:
        row, step, token, expected, margin = found.wrong[0]
        raise NotEqual(
            f"the sharded run chose token {token} where the whole model chooses {expected} (prompt {row}, token {step}, margin {margin:.3g})"
        )
