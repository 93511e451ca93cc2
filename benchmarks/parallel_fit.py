"""Constants of the analytic model from measurements: least mean of |log(predicted / measured)|, by pattern search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import exp, inf, log

from infopt_compiler.targets.efficiency import Efficiency

SHARES = ("bandwidth", "cache", "flops", "link")  # at most `MOST`: nothing reaches its data sheet
OTHERS = ("attention", "layer_seconds", "token_seconds")
MOST = 0.95
_STARTS: tuple[dict[str, float], ...] = (
    {},
    {"flops": 0.4},
    {"flops": 2.0, "attention": 2.0},
    {"bandwidth": 0.7, "cache": 1.5},
)
"""Factors on the start: the search finds the nearest valley, so it begins in a few places and keeps the deepest."""
_PULL = 1e-3  # towards the start, so that constants which the data do not determine stay where they are

Values = dict[str, float]


def fit(
    predictions: Callable[[Efficiency], Sequence[float]],
    measured: Sequence[float],
    start: Efficiency,
    names: tuple[str, ...] = (*SHARES, *OTHERS),
) -> Efficiency:
    """The constants `names` that fit best; the others stay."""
    found = fit_values(
        lambda values: predictions(replace(start, **values)),
        measured,
        {name: getattr(start, name) for name in names},
        dict.fromkeys(SHARES, MOST),
    )
    return replace(start, **found)


def fit_values(
    predictions: Callable[[Values], Sequence[float]],
    measured: Sequence[float],
    start: Mapping[str, float],
    most: Mapping[str, float],
) -> Values:
    """Positive values from `start`, none above its `most`. Hooke and Jeeves (J. ACM 8(2), 1961) on their logarithms."""

    def at(point: Values) -> Values:
        return {name: min(most.get(name, inf), start[name] * exp(moved)) for name, moved in point.items()}

    def loss(point: Values) -> float:
        off = [
            abs(log(p / m)) if p > 0 else inf for p, m in zip(predictions(at(point)), measured, strict=True)
        ]
        spread = (sum(one * one for one in off) / len(off)) ** 0.5
        return sum(off) / len(off) + 0.3 * spread + _PULL * sum(v * v for v in point.values()) / len(point)

    found = [_search(loss, {name: log(factors.get(name, 1.0)) for name in start}) for factors in _STARTS]
    return at(min(found, key=loss))


def _search(loss: Callable[[Values], float], start: Values) -> Values:
    place, steps = start, dict.fromkeys(start, 0.5)
    best = loss(place)
    while max(steps.values()) > 0.01:
        for name in start:
            for sign in (1, -1):
                tried = {**place, name: place[name] + sign * steps[name]}
                if (found := loss(tried)) < best - 1e-6:
                    place, best = tried, found
                    steps[name] *= 1.5
                    break
            else:
                steps[name] *= 0.5
    return place
