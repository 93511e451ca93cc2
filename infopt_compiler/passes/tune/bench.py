"""Measures variants of an artifact: makes their folders when they are first wanted, runs their blocks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from infopt_compiler.artifacts import OnnxModel
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.serving.machine_state import MachineState
from infopt_compiler.measure.serving.samples import Block, BlockSamples
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.tune.parameters import Objective
from infopt_compiler.passes.tune.search import SCREEN_TOKENS, Load, Run, TooSlowError, TrialError
from infopt_compiler.passes.tune.settings import Settings
from infopt_compiler.scenario import Scenario

if TYPE_CHECKING:
    from infopt_compiler.passes.tune.cost import KlCost

MeasureCost = Callable[[Path, Path], "KlCost"]
MakeVariant = Callable[[Path, Path, Settings, Settings], None]
_TIMED_OUT = "E0903"


@dataclass
class ArtifactBench:
    """The `Bench` of a real artifact. `make_variant` derives a folder; `costs` keeps what accuracy levels were found to cost,
    by label."""

    source: Path
    default: Settings
    scenario: Scenario
    objective: Objective
    scratch: Path
    max_kl: float
    make_variant: MakeVariant
    measure_cost: MeasureCost
    report: Callable[[str], None]
    costs: dict[str, KlCost] = field(default_factory=dict)
    cheap: list[frozenset[str]] = field(default_factory=list)

    def block(self, settings: Settings, number: int, load: Load) -> Run:
        """One fresh process; `number` seeds its prompts."""
        from infopt_compiler.measure.serving.latency import run_block

        label = settings.label(self.default)
        self.report(f"measuring {label}")
        scenario = short(self.scenario) if load.short else self.scenario
        try:
            artifact = OnnxModel(self.folder(settings), "")
            block, _ = run_block(
                artifact, scenario, load.requests, load.warmup, number, most_seconds=load.most_seconds
            )
        except (DiagnosticError, PassError) as failure:
            if load.most_seconds and isinstance(failure, DiagnosticError) and _timed_out(failure):
                raise TooSlowError(f"{label}: abandoned after {load.most_seconds:.1f} s") from failure
            raise TrialError(f"{label}: {failure}") from failure
        return run_of(block, self.objective)

    def allowed(self, settings: Settings) -> tuple[Settings, dict[str, str]]:
        """Without the accuracy levels that cost more than `max_kl` nats against level 0 of the same artifact: of the layers
        first, then of the head, then of both."""
        raised = [name for name in settings.levels if settings.changes(self.default).get(name)]
        refused: dict[str, str] = {}
        for given_up in _ways(raised):
            tried = settings
            for name in given_up:
                tried = tried.with_value(name, getattr(self.default, name))
            if not (set(raised) - set(given_up)) or self._is_cheap(tried):
                return tried, {name: refused[name] for name in given_up}
            why = f"refused: it costs {self.cost(tried).mean:.4f} nats of mean KL, more than max_kl = {self.max_kl:g}"
            refused = {name: refused.get(name, why) for name in raised}
        return settings, {}

    def _is_cheap(self, settings: Settings) -> bool:
        """What raises some of the levels that are cheap together is known to be."""
        raised = frozenset(name for name in settings.levels if getattr(settings, name))
        if any(raised <= cheap for cheap in self.cheap):
            return True
        if self.cost(settings).mean > self.max_kl:
            return False
        self.cheap.append(raised)
        return True

    def cost(self, settings: Settings) -> KlCost:
        """KL of these accuracy levels against level 0, measured once."""
        exact, levels = self.default, self.default
        for name in settings.levels:
            exact, levels = exact.with_value(name, 0), levels.with_value(name, getattr(settings, name))
        label = levels.label(exact)
        if label not in self.costs:
            self.report(f"measuring what {label} costs")
            self.costs[label] = self.measure_cost(self.folder(exact), self.folder(levels))
        return self.costs[label]

    def folder(self, settings: Settings) -> Path:
        """The folder of a variant, made when it is first wanted; the artifact itself for its own settings."""
        if settings == self.default:
            return self.source
        folder = self.scratch / "variants" / re.sub(r"[^a-z0-9]+", "-", settings.label(self.default))
        if not folder.is_dir():
            unfinished = folder.with_name(folder.name + ".part")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            self.make_variant(self.source, unfinished, self.default, settings)
            unfinished.rename(folder)
        return folder


def _ways(raised: list[str]) -> Iterator[tuple[str, ...]]:
    """What to give up of the raised levels: nothing, one, all."""
    yield ()
    if len(raised) > 1:
        yield from ((name,) for name in raised)
    yield tuple(raised)


def _timed_out(failure: DiagnosticError) -> bool:
    return any(found.code == _TIMED_OUT for found in failure.diagnostics)


def short(scenario: Scenario) -> Scenario:
    """The same requests with few output tokens."""
    return replace(scenario, generate=min(scenario.generate, SCREEN_TOKENS))


def run_of(block: Block, objective: Objective) -> Run:
    """A block as the search sees it."""
    state = MachineState(**block.state) if block.state else None
    request = fmean(request.latency for request in block.requests)
    seconds = block_seconds(BlockSamples((block,)), objective)
    return Run(
        seconds, state is not None and state.is_busy, state.busy_share_others if state else 0.0, request
    )


def block_seconds(samples: BlockSamples, objective: Objective) -> float:
    """The objective's median over the requests of a block; for `throughput` the seconds per output token, of an encoder
    per text."""
    name = objective.value
    if objective is Objective.throughput and not any(block.tokens_out for block in samples.blocks):
        name = "samples"
    values = [value for block in samples.values(name) for value in block]
    return 1 / median(values) if objective is Objective.throughput else median(values)
