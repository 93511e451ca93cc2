"""Every metric belongs to one instrument, and what all instruments promise."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from infopt_compiler.artifacts import OnnxModel
from infopt_compiler.budget import Bound, Interval, Operator, Verdict
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.evaluate import INSTRUMENTS, evaluate
from infopt_compiler.measure.job import Job, Own, Reading
from infopt_compiler.metrics import METRICS
from infopt_compiler.targets import TARGETS
from infopt_compiler.units import parse_quantity
from tests.measure.test_evaluate import SETTINGS, bound


def test_every_metric_belongs_to_one_instrument() -> None:
    assert Counter(name for one in INSTRUMENTS for name in one.metrics) == Counter(list(METRICS))


class Fixed(Reading):
    """Of every metric 2, and its ratio to any model 0.5."""

    def own(self, bound: Bound) -> Own:
        return lambda _: Interval.exact(2.0)

    def ratio(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        return Interval.exact(0.5), Interval.exact(4.0)


class FixedInstrument:
    phase = "fixed"
    metrics = frozenset(METRICS)

    def check(self, job: Job) -> None: ...

    def measure(self, job: Job) -> Fixed:
        return Fixed()


def job(*bounds: Bound) -> Job:
    subject = OnnxModel(Path("nowhere"), "digest")
    return Job(name="chat", subject=subject, bounds=bounds, target=TARGETS["h100"], settings=SETTINGS)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_the_rule_is_one_for_all_metrics(metric: str) -> None:
    """An instrument that nobody knew before is judged: absolute, relative, and of the previous build."""
    share = parse_quantity("60%")
    upper = Operator.le
    asked = [
        Bound(metric, upper, parse_quantity("1")),
        Bound(metric, upper, share, relative_to="base"),
        Bound(metric, upper, share, relative_to="last"),
    ]
    plain, relative, last = evaluate(job(*asked), [FixedInstrument()]).results
    assert (plain.verdict, plain.limit, plain.ratio) == (Verdict.missed, 1.0, None)
    assert (relative.verdict, relative.limit, relative.ratio) == (Verdict.met, 2.4, 0.5)
    assert relative.interval.value == 2.0 and last.verdict is Verdict.baseline
    assert last.spread is not None and last.spread.value == 2.0


def test_retention_alone_has_its_reference_scored(world) -> None:
    """No other bound brings the reference along."""
    asked = bound("retention.mean >= 50%", reference="base", on="held")
    artifacts = {"base": world.base, "onnx": world.onnx}
    found = evaluate(
        Job(
            name="chat",
            subject=world.onnx,
            spec=world.spec,
            bounds=[asked],
            artifacts=artifacts,
            data={"held": world.text},
            target=TARGETS["h100"],
            settings=SETTINGS,
        )
    )
    (result,) = found.results
    assert result.verdict is Verdict.met and result.interval.value == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (bound("kl.mean <= 1 nats", on="held"), "none is named"),
        (bound("gain.worst >= 0 nats"), "nothing on the way"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_measured(asked: Bound, said: str) -> None:
    with pytest.raises(DiagnosticError, match=said) as caught:
        evaluate(job(asked))
    assert caught.value.diagnostics[0].code == "E0909"
