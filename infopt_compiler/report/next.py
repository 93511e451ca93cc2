"""What to do now: why a build came out as it did, in a sentence without statistics, and the command that goes on."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.measure.statistics.limits import samples_needed
from infopt_compiler.measure.statistics.processes import processes_needed
from infopt_compiler.metrics import METRICS, Needs, metric_of
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.report.values import bound_text, is_timed, margin_text, value_text

_QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
MOST_ROUNDS = 100_000  # of a value that is its limit: none decide
_SPARE = 1.5  # analyses share the error, so that more is needed than at one alone
_TOO_MANY = 20  # times the rounds that were run: no patience settles that


@dataclass(frozen=True)
class Next:
    """`why`: one sentence; `do`: what to do now; `command`: what does it, None where no command does."""

    why: str
    do: str
    command: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"why": self.why, "do": self.do, "command": self.command}


@dataclass(frozen=True)
class Asked:
    """The command line that built: `words` start with the program's name and the recipe."""

    words: tuple[str, ...]
    settings: MeasureSettings

    def command(self, *more: str) -> str:
        """The same again with other overrides: one replaces the old one of its path, `measure=` every field of it."""
        paths = {word.partition("=")[0] for word in more}
        kept = [word for word in self.words if word.partition("=")[0] not in paths]
        return shlex.join([*kept, *more])


def next_step(report: dict[str, Any], asked: Asked) -> Next:
    """Of the report's plain data (`verdict`, `bounds`, `measured`, `graph`, `diagnostics`, `artifacts`)."""
    counted = [bound for bound in report["bounds"] if bound["severity"] == "error"]
    found = {
        "failed": _failed,
        "missed": _missed,
        "inconclusive": _inconclusive,
        "predicted": _predicted,
        "met": _met,
    }[report["verdict"]]
    return found(report, counted, asked)


def _failed(report: dict[str, Any], bounds: list[dict[str, Any]], asked: Asked) -> Next:
    return from_diagnostics(report["diagnostics"], asked.command())


def from_diagnostics(diagnostics: Sequence[dict[str, Any]], command: str) -> Next:
    """Of a build that ended in errors: the first one's own help."""
    wrong = [d for d in diagnostics if d["severity"] == "error"]
    if not wrong:
        return Next("no reason was given", "see log.txt in the run's folder", command)
    first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    place = first.get("span")
    where = f"{place['file']}:{place['line']}:{place['column']}: " if place else ""
    help = first.get("help") or f"read `infopt-compile explain {first['code']}`"
    return Next(f"{where}{first['message'].splitlines()[0]}{more}", f"{help}; then build again", command)


def _met(report: dict[str, Any], bounds: list[dict[str, Any]], asked: Asked) -> Next:
    warned = [b for b in report["bounds"] if b["severity"] == "warn" and b["verdict"] == "missed"]
    why = "; ".join(_missed_text(bound) for bound in warned) or "everything that the recipe asks for holds"
    ships = [f"`{row['path']}`" for row in report["artifacts"]]
    return Next(why, f"ship {' and '.join(ships)} of the run's folder" if ships else "nothing ships")


def _missed_text(bound: dict[str, Any]) -> str:
    value = bound["value"]
    if value is None:  # the near end of the interval is outside, so all of it is
        return f"`{bound_text(bound)}` is missed whatever the value"
    told = margin_text(bound)
    return f"`{bound_text(bound)}`: {value_text(bound, value)} is {told}"


def _missed(report: dict[str, Any], bounds: list[dict[str, Any]], asked: Asked) -> Next:
    missed = [bound for bound in bounds if bound["verdict"] == "missed"]
    if not missed:
        return _refused(report, bounds, asked)
    worst = max(missed, key=_distance)
    change = next(_changes(report, worst), None)
    if change is None:
        return Next(_missed_text(worst), _advice(worst["metric"]) + ", or move the limit")
    path, value, what = change
    return Next(_missed_text(worst), f"try {what}", asked.command(f"{path}={value}"))


def _refused(report: dict[str, Any], bounds: list[dict[str, Any]], asked: Asked) -> Next:
    """Arithmetic, or a prediction that was judged: nothing was measured that could be told."""
    if any(d["severity"] == "error" for d in report["diagnostics"]):
        found = from_diagnostics(report["diagnostics"], asked.command())
        return Next(found.why, found.do)
    return Next("the predictions miss", "build without `--predict-only` to measure", asked.command())


def _distance(bound: dict[str, Any]) -> float:
    """How many times off its limit a missed bound is; a limit of zero or below cannot be told so and comes last."""
    value, limit = bound["value"], bound["limit"]
    return abs(math.log(value / limit)) if value and limit and value > 0 < limit else 0.0


def _changes(report: dict[str, Any], bound: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(override, value, in words) that moves a missed bound, as far as a step of the graph has such a parameter."""
    metric = metric_of(bound["metric"])
    known = next(one for one in fields(find_pass("quantize")) if one.name == "bits").metadata["choices"]
    steps = (report.get("graph") or {}).get("steps", [])
    for step in reversed(steps):
        bits = (step.get("parameters") or {}).get("bits")
        if step.get("pass") != "quantize" or not isinstance(bits, int):
            continue
        better = [b for b in known if b > bits] if METRICS[metric].needs is Needs.data else []
        smaller = [b for b in reversed(known) if b < bits] if metric in ("size", "bits_per_weight") else []
        for fit, what in ((better, "more bits a weight"), (smaller, "fewer bits a weight")):
            if fit:
                yield f"{step['name']}.bits", str(fit[0]), what


def _advice(metric: str) -> str:
    name = metric_of(metric)
    if name.startswith("memory"):
        return "shorten the scenario's `context`, or take a smaller model"
    if METRICS[name].needs is Needs.scenario:
        return "add `tune`, quantize to fewer bits, or take a smaller model"
    return "change a pass" if METRICS[name].needs is Needs.data else "take a smaller model or fewer bits"


def _predicted(report: dict[str, Any], bounds: list[dict[str, Any]], asked: Asked) -> Next:
    target = report["target"].get("name")
    why = f"{target} is not this machine, so nothing was timed"
    return Next(why, f"run it on {target}; or judge the predictions", asked.command("--predict-only"))


def _inconclusive(report: dict[str, Any], bounds: list[dict[str, Any]], asked: Asked) -> Next:
    undecided = [bound for bound in bounds if bound["verdict"] == "inconclusive"]
    timed = [bound for bound in undecided if is_timed(bound)]
    states = [group.get("machine_state") or {} for group in report["measured"]]
    busy = [state for state in states if state.get("busy_blocks")]
    if timed:
        return _busy(busy, timed, asked) if busy else _timed(timed, asked)
    return _of_text(undecided, asked)


def _busy(states: list[dict[str, Any]], timed: list[dict[str, Any]], asked: Asked) -> Next:
    """Others spread the times; as many rounds more as would decide what more rounds can."""
    most = max(state["busy_share_others_most"] for state in states)
    rounds, disturbed = (sum(state[key] for state in states) for key in ("blocks", "busy_blocks"))
    why = f"undecided: other programs used up to {most:.0%} of the cores in {disturbed} of {rounds} rounds"
    short = _short(timed)
    if short:
        told = f"run again on a quiet machine, {short[0].rounds} rounds are needed"
        return Next(why, told, asked.command(*_longer(short, asked.settings)))
    near = next((bound for bound in timed if rounds_needed(bound) > max(1, bound["blocks"])), None)
    more = f"; if it stays undecided, move the limit of `{bound_text(near)}`" if near else ""
    return Next(why, f"run again on a quiet machine{more}", asked.command())


def _timed(timed: list[dict[str, Any]], asked: Asked) -> Next:
    """Too few rounds for the limit, or a value that lies too near to it."""
    short = _short(timed)
    if not short:
        near = timed[0]
        value = "the times" if near["value"] is None else value_text(near, near["value"])
        why = f"undecided: {value} is too near to the limit of `{bound_text(near)}` to tell it from noise"
        return Next(why, "move the limit, or make it faster")
    metric, blocks, rounds = short[0].bound["metric"], short[0].bound["blocks"], short[0].rounds
    why = f"undecided: {blocks} rounds fitted into the time allowed, `{metric}` needs about {rounds}"
    return Next(why, "measure longer", asked.command(*_longer(short, asked.settings)))


@dataclass(frozen=True)
class _Short:
    """A bound that `rounds`, more than it had, would decide."""

    bound: dict[str, Any]
    rounds: int

    @property
    def times(self) -> float:
        blocks: int = self.bound["blocks"]
        return self.rounds / max(1, blocks)


def _short(timed: list[dict[str, Any]]) -> list[_Short]:
    """Of the bounds those that patience settles, the one that needs most rounds first."""
    needed = (_Short(bound, rounds_needed(bound)) for bound in timed)
    short = [one for one in needed if one.bound["blocks"] < one.rounds and one.times <= _TOO_MANY]
    return sorted(short, key=lambda one: one.rounds, reverse=True)


def _longer(short: list[_Short], settings: MeasureSettings) -> list[str]:
    """The overrides that give all of these their rounds: budgets are measured one by one, each for `seconds`."""
    seconds = math.ceil(settings.seconds * max(one.times for one in short) * _SPARE / 10) * 10
    rounds = short[0].rounds
    more = [f"measure.max_blocks={rounds}"] if rounds > settings.max_blocks else []
    return [f"measure.seconds={seconds:g}", *more]


def rounds_needed(bound: dict[str, Any]) -> int:
    """Rounds (fresh processes) that decide a time bound on a quiet machine, for what was seen of its spread.

    At least what the percentile needs of processes and requests; then so many that the interval, which narrows with the
    root of their number, ends short of the limit.
    """
    confidence: float = bound["confidence"] or 0.95
    blocks: int = max(1, bound["blocks"])
    q = _QUANTILES.get(bound["metric"].rpartition(".")[2], 0.5)
    upper = bound["operator"] in ("<=", "<")
    each: float = max(1.0, bound["samples"] / blocks)
    needed = processes_needed(q, confidence)[1 if upper else 0]
    needed = max(2, needed, math.ceil(samples_needed(max(q, 1 - q), confidence) / each))
    if needed > blocks:
        return needed
    low, high = bound["interval"] or (None, None)
    end = high if upper else low
    if bound["value"] is None or bound["limit"] is None or end is None:
        return needed
    width: float = abs(end - bound["value"])
    distance: float = abs(bound["limit"] - bound["value"])
    return max(needed, math.ceil(blocks * (width / distance) ** 2)) if distance else MOST_ROUNDS


def _of_text(undecided: list[dict[str, Any]], asked: Asked) -> Next:
    bound = undecided[0]
    shown = "–" if bound["value"] is None else value_text(bound, bound["value"])
    text = f" of `{bound['on']}`" if bound.get("on") else ""
    why = f"undecided: {shown} is near to the limit of `{bound_text(bound)}`, and the part{text} that was read is too short to tell"
    if asked.settings.windows:
        return Next(why, "read all of the text", asked.command("measure.windows=0"))
    return Next(why, "hold out more text, or move the limit")


def next_lines(told: dict[str, Any] | None) -> list[str]:
    """`next` of a report as lines: the reason, what to do, and the command on a line of its own."""
    if not told:
        return []
    command = [f"    {told['command']}"] if told.get("command") else []
    return [told["why"], f"next: {told['do']}{':' if command else ''}", *command]
