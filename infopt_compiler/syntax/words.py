"""What people call metrics elsewhere, and the name here: `time_to_first_token`, `p95_latency`, `vram`. Messages and tests read one table."""

from __future__ import annotations

import re

from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.metrics import METRICS

# The words of each metric, as people write them: without case, `_`, `-`, `.` or spaces, aggregates or units.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "ttft": ("time to first token", "first token", "first token latency", "first token time", "time first token"),
    "prefill": ("prompt time", "prompt eval time", "prefill time", "prefill latency", "prompt processing"),
    "tpot": ("time per output token", "time per token", "token time", "token latency", "per token latency", "tbt"),
    "itl": ("inter token latency", "intertoken latency", "time between tokens", "jitter"),
    "decode": ("decode speed", "decode rate", "decoding speed", "generation speed"),
    "latency": (
        "e2e", "e2e latency", "end to end", "end to end latency", "response time", "request latency", "time", "runtime",
    ),
    "throughput": (
        "tokens per second", "token per second", "tok per s", "tok s", "tokens s", "tps", "tokens sec", "tok sec",
        "toks", "token rate", "output throughput", "speed",
    ),
    "throughput.total": ("total throughput", "total tokens per second", "total tps"),
    "goodput": ("good requests", "slo attainment"),
    "samples": (
        "samples per second", "sentences per second", "requests per second", "qps", "rps", "embeddings per second",
        "images per second",
    ),
    "load": ("load time", "startup", "startup time", "start time", "cold start", "loading time", "boot time"),
    "size": (
        "disk", "disk size", "disk space", "disk usage", "file size", "filesize", "model size", "artifact size",
        "storage", "bytes", "footprint", "download size",
    ),
    "memory.peak": (
        "memory", "mem", "ram", "rss", "vram", "peak memory", "peak ram", "peak rss", "max rss", "memory usage", "gpu memory",
        "gpu mem", "memory max", "max memory", "vmhwm", "hwm", "device memory", "ram usage", "ram peak",
    ),
    "memory.steady": ("steady memory", "steady ram", "idle memory", "resident memory"),
    "bits_per_weight": ("bpw", "bits per parameter", "bits per param", "effective bits"),
    "mbu": ("bandwidth utilization", "memory bandwidth utilization", "model bandwidth utilization"),
    "mfu": ("flops utilization", "model flops utilization", "utilization"),
    "perplexity": ("ppl", "pplx", "perp", "word perplexity", "token perplexity", "loss", "nll", "cross entropy"),
    "bits_per_byte": ("bpb", "bits byte", "bpc", "bits per character"),
    "kl": ("kld", "kl div", "kl divergence", "kldiv", "kldivergence", "divergence"),
    "top1": ("top 1", "top1 agreement", "top 1 agreement", "agreement", "argmax agreement", "same top"),
    "generation": ("generation agreement", "same generation"),
    "accuracy": ("acc", "exact match", "em", "score", "task accuracy", "lm eval", "mmlu", "hellaswag"),
    "accuracy.norm": ("acc norm", "accuracy norm", "normalized accuracy", "norm acc"),
    "cosine": ("cos", "cosine similarity", "cos sim", "similarity"),
    "ranking": ("ranking agreement", "recall", "recall 10", "ndcg", "neighbours", "neighbors", "rank"),
    "retention": ("quality kept", "kept"),
    "cost": ("price", "usd", "dollars", "cost per token", "cost per million tokens", "usd per mtok", "token cost"),
}  # fmt: skip
_REQUESTS = (
    "of a decoder that is `goodput`, the requests answered within the latency bounds; of an encoder `samples`"
)
# Words of the table that are another quantity than the metric: what the limit must become is said instead of its name.
OTHERS: dict[str, str] = {
    **dict.fromkeys(("loss", "nll", "cross entropy"), "perplexity is exp(loss): bound `perplexity` by exp of the limit"),
    **dict.fromkeys(("bpc", "bits per character"), "`bits_per_byte` is per byte of UTF-8, not per character"),
    "word perplexity": "`perplexity` is per token, not per word",
    **dict.fromkeys(("requests per second", "qps", "rps"), _REQUESTS),
}  # fmt: skip
# What stands for an aggregate in a name; the first that the metric has is meant.
AGGREGATES: dict[str, tuple[str, ...]] = {
    "p50": ("p50", "50", "median", "med"),
    "p90": ("p90", "90"),
    "p95": ("p95", "95", "tail"),
    "p99": ("p99", "99"),
    "p1": ("p1",),
    "mean": ("mean", "avg", "average"),
    "max": ("max", "maximum", "worst"),
    "worst": ("worst",),
    "min": ("min", "minimum"),
}
_UNITS = (
    "ms",
    "us",
    "s",
    "sec",
    "seconds",
    "mb",
    "gb",
    "mib",
    "gib",
    "kb",
    "b",
    "bytes",
    "nats",
    "percent",
    "pct",
)
_DEFAULTS = ("p95", "mean", "worst", "heldout")  # where a metric has aggregates and the name says none


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


_BASES = {_squeezed(name): name for name in METRICS}
_BASES |= {_squeezed(word): name for name, words in SYNONYMS.items() for word in words}
_OTHERS = {_squeezed(word): sentence for word, sentence in OTHERS.items()}
_SAID = {word: name for name, words in reversed(AGGREGATES.items()) for word in words}


def find_metric(name: str) -> str | None:
    """The metric that is meant by a name that is none, with an aggregate where it has some: `p95_latency` is `latency.p95`."""
    spaced = re.sub(r"([a-oq-z])(\d\d)$", r"\1 \2", re.sub(r"([a-z])([A-Z][a-z0-9])", r"\1 \2", name))
    words = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    for said, rest in _readings(words):
        base = _BASES.get(_squeezed(" ".join(rest)))
        if base is not None:
            return _with_aggregate(base, said)
    return None


def _readings(words: list[str]) -> list[tuple[list[str], list[str]]]:
    """(words of an aggregate, the others): the whole first, then without aggregates, without units, without both."""
    with_units = [word for word in words if word not in _UNITS] or words
    return [
        ([], words),
        *(
            ([word for word in part if word in _SAID], [word for word in part if word not in _SAID])
            for part in (words, with_units)
        ),
        ([], with_units),
    ]


def _with_aggregate(base: str, said: list[str]) -> str:
    aggregates = METRICS[base].aggregates
    meant = [name for word in said for name, words in AGGREGATES.items() if word in words]
    choice = next((name for name in (*meant, *_DEFAULTS) if name in aggregates), None)
    return f"{base}.{choice}" if choice is not None else base


def suggest_metric(name: str) -> str | None:
    """Help for a name that is no metric."""
    if _squeezed(name) in _OTHERS:
        return _OTHERS[_squeezed(name)]
    meant = find_metric(name)
    if meant is not None:
        return f"its name here is `{meant}`"
    near = did_you_mean(name, METRICS) or did_you_mean(name.split(".")[0], METRICS)
    return near or "`docs/language.md` lists the metrics: " + ", ".join(f"`{m}`" for m in METRICS)
