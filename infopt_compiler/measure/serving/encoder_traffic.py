"""Requests of an encoder: a batch of texts to its embeddings. Part of the serving process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from infopt_compiler.measure.serving.prompts import make_prompts, read_prompts
from infopt_compiler.measure.serving.samples import Request
from infopt_compiler.measure.serving.traffic import arrivals
from infopt_compiler.runtimes.protocol import Encoder
from infopt_compiler.scenario import Scenario, ScenarioMode

_clock = time.perf_counter


def encoder_batches(
    server: Encoder, scenario: Scenario, count: int, seed: int, texts_file: Path | None
) -> list[list[str]]:
    """`count` batches of `scenario.batch` different texts, of just `prompt` tokens or of the data's own lengths."""
    needed = count * scenario.batch
    if texts_file is not None:
        texts = read_prompts(texts_file, server.encode, scenario.prompt, needed, seed)
    else:
        texts = make_prompts(server.encode, scenario.prompt, needed, seed)
    texts = texts or ["a"] * needed
    return [texts[k : k + scenario.batch] for k in range(0, needed, scenario.batch)]


def run_batches(
    server: Encoder,
    batches: Sequence[Sequence[str]],
    scenario: Scenario,
    seed: int,
    done: Callable[[Request], None],
) -> float:
    """Embed each batch, one after another, as the scenario's mode lets them come; wall seconds of all of them.

    `concurrency` of a server changes nothing: a forward pass cannot be interleaved, so requests wait their turn.
    """
    start = _clock()
    planned = _planned(len(batches), scenario, seed)
    for at, batch in zip(planned, batches, strict=True):
        due = _clock() if at is None else start + at
        time.sleep(max(0.0, due - _clock()))
        done(_embed(server, batch, due, start))
    return _clock() - start


def _planned(count: int, scenario: Scenario, seed: int) -> Sequence[float | None]:
    """When each batch arrives, in seconds after the start; None: when the one before is answered."""
    if scenario.mode is ScenarioMode.server:
        return arrivals(count, scenario.rate, seed)
    return [0.0 if scenario.mode is ScenarioMode.offline else None] * count


def _embed(server: Encoder, batch: Sequence[str], due: float, start: float) -> Request:
    admitted = _clock()
    inputs = server.tokenize(list(batch))
    encoded = _clock()
    server.forward(inputs)
    end = _clock()
    longest = int(inputs["input_ids"].shape[1])
    return Request(
        ttft=0.0,
        prefill=0.0,
        latency=end - due,
        gaps=(),
        prompt_tokens=longest,
        sequences=len(batch),
        arrived=due - start,
        queued=admitted - due,
        forward=end - encoded,
    )
