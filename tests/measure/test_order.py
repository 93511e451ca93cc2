"""What cannot be measured is said before anything is timed, and the kind of model before all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infopt_compiler.artifacts import ModelSpec, OnnxModel
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.evaluate import evaluate
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.requests import instrument
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target
from tests.measure.test_evaluate import SETTINGS, bound

DECODER = ModelSpec("L", "llama", 2, 64, 128, 4, 4, 16, 500, 512, tied=False)
ENCODER = replace(DECODER, model_type="bert")
HERE = Target("here", 8e9, 20e9, 100e9, 0.1, 2, here=True)


class TimedError(Exception):
    """Requests were run."""


@pytest.fixture(autouse=True)
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given):
        raise TimedError

    monkeypatch.setattr(instrument, "measure_timing", refuse)


def _evaluate(spec: ModelSpec | None, *bounds) -> None:
    onnx = OnnxModel(Path("nowhere"), "digest")
    evaluate(
        Job(
            name="chat",
            subject=onnx,
            spec=spec,
            bounds=bounds,
            scenario=Scenario(),
            target=HERE,
            settings=SETTINGS,
        )
    )


@pytest.mark.parametrize(
    ("spec", "text", "help"),
    [
        (ENCODER, "tpot.p50 <= 5 ms", "encoders have `latency`"),
        (ENCODER, "perplexity <= 18", "encoders have `cosine`, `ranking`"),
        (DECODER, "cosine.mean >= 0.9", "decoders have `perplexity`"),
        (DECODER, "forward.p50 <= 5 ms", "decoders have `ttft`"),
    ],
)
def test_a_metric_of_another_kind_of_model_costs_no_measuring(spec, text, help) -> None:
    with pytest.raises(DiagnosticError) as caught:
        _evaluate(spec, bound("latency.p50 <= 1 s"), bound(text))
    (found,) = caught.value.diagnostics
    assert found.code == "E0909" and text.split()[0] in found.message and found.help.startswith(help)


def test_what_fits_or_is_not_known_is_timed() -> None:
    for spec, text in (
        (DECODER, "tpot.p50 <= 5 ms"),
        (ENCODER, "forward.p50 <= 5 ms"),
        (None, "tpot.p50 <= 5 ms"),
    ):
        with pytest.raises(TimedError):
            _evaluate(spec, bound(text))
