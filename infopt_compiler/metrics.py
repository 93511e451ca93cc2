"""The table of metrics: one name, one meaning. Checking, measuring and judging all read it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from infopt_compiler.units import Dimension


class Direction(Enum):
    lower = "lower is better"
    higher = "higher is better"


class Needs(str, Enum):
    """What a metric is measured with, besides the artifact."""

    scenario = "scenario"  # requests are run: `under` a scenario
    data = "data"  # `on` held-out text
    control = "control"  # what `distill` recorded of its control
    nothing = "nothing"  # the artifact's files


class ModelKind(str, Enum):
    """What a model does, where a metric is measured of one kind only."""

    decoder = "decoder"  # writes tokens
    encoder = "encoder"  # embeds texts


@dataclass(frozen=True)
class Metric:
    """`aggregates` are the percentiles or statistics that a bound must name (`ttft.p95`); empty: the metric has one value.

    `of_task`: `on` names a task (`lm-eval:`), of all others text. `of_binding`: a share that may be limited `of` another model's all the same.
    `reference`: the metric compares with a reference model (`vs base`). `only`: the kind of model that has it; None: any.
    """

    name: str
    dimension: Dimension
    direction: Direction
    needs: Needs
    doc: str
    aggregates: tuple[str, ...] = ()
    reference: bool = False
    only: ModelKind | None = None
    of_task: bool = False
    of_binding: bool = False


_PERCENTILES = ("mean", "p50", "p90", "p95", "p99", "max")
_LOW, _HIGH = Direction.lower, Direction.higher

# Of one request each; `goodput` counts the requests that stay within the budget's bounds on them (`budget.limits`).
LATENCY_METRICS = ("ttft", "prefill", "tpot", "itl", "latency", "forward")

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "ttft",
            Dimension.time,
            _LOW,
            Needs.scenario,
            "text submitted (template and tokenization included) to first token",
            _PERCENTILES,
            only=ModelKind.decoder,
        ),
        Metric(
            "prefill",
            Dimension.time,
            _LOW,
            Needs.scenario,
            "token ids submitted to first token",
            _PERCENTILES,
            only=ModelKind.decoder,
        ),
        Metric(
            "tpot",
            Dimension.time,
            _LOW,
            Needs.scenario,
            "(end to end - ttft) / (output tokens - 1), one value per request; percentiles over requests",
            _PERCENTILES,
            only=ModelKind.decoder,
        ),
        Metric(
            "itl",
            Dimension.time,
            _LOW,
            Needs.scenario,
            "each gap between two tokens; percentiles over gaps",
            _PERCENTILES,
            only=ModelKind.decoder,
        ),
        Metric(
            "decode",
            Dimension.token_rate,
            _HIGH,
            Needs.scenario,
            "1 / tpot: tokens per second of one user; one value per request",
            _PERCENTILES,
            only=ModelKind.decoder,
        ),
        Metric("latency", Dimension.time, _LOW, Needs.scenario, "end to end, one request", _PERCENTILES),
        Metric(
            "throughput",
            Dimension.token_rate,
            _HIGH,
            Needs.scenario,
            "output tokens of all requests per second of wall time, prefill included",
            only=ModelKind.decoder,
        ),
        Metric(
            "throughput.total",
            Dimension.token_rate,
            _HIGH,
            Needs.scenario,
            "input and output tokens of all requests per second of wall time",
            only=ModelKind.decoder,
        ),
        Metric(
            "goodput",
            Dimension.request_rate,
            _HIGH,
            Needs.scenario,
            "requests per second that met their SLO: the budget's upper latency bounds, without `warn` and relative ones; if a metric has several, the one on its highest percentile",
        ),
        Metric(
            "forward",
            Dimension.time,
            _LOW,
            Needs.scenario,
            "an encoder's forward pass, from token ids to embeddings, one request",
            _PERCENTILES,
            only=ModelKind.encoder,
        ),
        Metric(
            "samples",
            Dimension.request_rate,
            _HIGH,
            Needs.scenario,
            "an encoder's samples of all requests per second of wall time",
            only=ModelKind.encoder,
        ),
        Metric(
            "load",
            Dimension.time,
            _LOW,
            Needs.scenario,
            "artifact on disk to ready for the first request",
            _PERCENTILES,
        ),
        Metric("size", Dimension.bytes, _LOW, Needs.nothing, "bytes of the artifact on disk"),
        Metric(
            "memory.peak",
            Dimension.bytes,
            _LOW,
            Needs.scenario,
            "highest resident set (VmHWM) of the serving process from its start",
        ),
        Metric(
            "memory.steady",
            Dimension.bytes,
            _LOW,
            Needs.scenario,
            "resident set of the serving process after warm-up",
        ),
        Metric(
            "bits_per_weight",
            Dimension.number,
            _LOW,
            Needs.nothing,
            "bytes x 8 / parameters; scales, zero points and embeddings counted",
        ),
        Metric(
            "mbu",
            Dimension.fraction,
            _HIGH,
            Needs.scenario,
            "share of the machine's measured bandwidth that decoding uses",
            only=ModelKind.decoder,
        ),
        Metric(
            "mfu",
            Dimension.fraction,
            _HIGH,
            Needs.scenario,
            "share of the machine's measured peak, of the arithmetic that is used (float or integer), that prefill (an encoder: the forward pass) reaches",
        ),
        Metric(
            "perplexity",
            Dimension.number,
            _LOW,
            Needs.data,
            "exp of the mean NLL per token; windows do not overlap, first token not scored",
            only=ModelKind.decoder,
        ),
        Metric(
            "bits_per_byte",
            Dimension.information,
            _LOW,
            Needs.data,
            "NLL per byte of text, in bits; compares across tokenizers",
            only=ModelKind.decoder,
        ),
        Metric(
            "kl",
            Dimension.information,
            _LOW,
            Needs.data,
            "per token KL(reference || model) in nats",
            ("mean", "p50", "p99", "max"),
            reference=True,
            only=ModelKind.decoder,
        ),
        Metric(
            "top1",
            Dimension.fraction,
            _HIGH,
            Needs.data,
            "share of tokens whose argmax equals the reference's",
            reference=True,
            only=ModelKind.decoder,
        ),
        Metric(
            "generation",
            Dimension.fraction,
            _HIGH,
            Needs.data,
            "share of greedily generated tokens before the first that differs from the reference's; prompts are the windows' beginnings",
            reference=True,
            only=ModelKind.decoder,
        ),
        Metric(
            "repetition",
            Dimension.fraction,
            _LOW,
            Needs.data,
            "share of the four-token pieces of a greedy continuation that were there before in it, mean over the windows' beginnings",
            only=ModelKind.decoder,
        ),
        Metric(
            "accuracy",
            Dimension.fraction,
            _HIGH,
            Needs.data,
            "share of a task's documents answered right, as lm-eval scores it (`acc`; of written answers `exact_match`)",
            only=ModelKind.decoder,
            of_task=True,
            of_binding=True,
        ),
        Metric(
            "accuracy.norm",
            Dimension.fraction,
            _HIGH,
            Needs.data,
            "the same of a choice, each by its log-likelihood over its length (lm-eval's `acc_norm`)",
            only=ModelKind.decoder,
            of_task=True,
            of_binding=True,
        ),
        Metric(
            "cosine",
            Dimension.number,
            _HIGH,
            Needs.data,
            "of an encoder's vector of a sentence with the reference's",
            ("mean", "p1", "min"),
            reference=True,
            only=ModelKind.encoder,
        ),
        Metric(
            "ranking",
            Dimension.fraction,
            _HIGH,
            Needs.data,
            "share of a sentence's 10 nearest neighbours that are also the reference's",
            reference=True,
            only=ModelKind.encoder,
        ),
        Metric(
            "retention",
            Dimension.fraction,
            _HIGH,
            Needs.data,
            "what is kept of the reference: mean or worst of its perplexity over the model's, the same of NLL, and `top1`",
            ("mean", "worst"),
            reference=True,
            only=ModelKind.decoder,
        ),
        Metric(
            "gain",
            Dimension.information,
            _HIGH,
            Needs.control,
            "NLL per token of the control of `distill` minus the student's, on its `heldout` or `other` text",
            ("heldout", "other", "worst"),
            only=ModelKind.decoder,
        ),
        Metric(
            "cost",
            Dimension.token_price,
            _LOW,
            Needs.scenario,
            "target price per hour / (throughput x 3600 x utilization) x 10^6",
            only=ModelKind.decoder,
        ),
    )
}


def metrics_of(kind: ModelKind, needs: Needs) -> tuple[str, ...]:
    """The metrics that a model of that kind has, of those that are measured in one way."""
    return tuple(m.name for m in METRICS.values() if m.only in (None, kind) and m.needs is needs)


def metric_of(name: str) -> str:
    """`ttft.p95` → `ttft`, `memory.peak` → `memory.peak`: the key of METRICS, whose names may themselves hold a point."""
    return name if name in METRICS else name.rpartition(".")[0]
