"""Measures variants of an artifact: makes their folders when they are first wanted, runs their blocks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from infopt_compiler.artifacts import OnnxModel
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.serving.samples import BlockSamples
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.tune.artifact import make_variant
from infopt_compiler.passes.tune.parameters import Objective
from infopt_compiler.passes.tune.search import SCREEN_TOKENS, Load, TrialError
from infopt_compiler.passes.tune.settings import Settings
from infopt_compiler.scenario import Scenario

if TYPE_CHECKING:
    from infopt_compiler.passes.tune.cost import KlCost

MeasureCost = Callable[[Path, Path], "KlCost"]


@dataclass
class ArtifactBench:
    """The `Bench` of a real artifact. `costs` keeps what accuracy levels were found to cost, by label."""

    source: Path
    default: Settings
    scenario: Scenario
    objective: Objective
    scratch: Path
    max_kl: float
    measure_cost: MeasureCost
    report: Callable[[str], None]
    costs: dict[str, KlCost] = field(default_factory=dict)

    def block(self, settings: Settings, number: int, load: Load) -> float:
        """One fresh process; `number` seeds its prompts."""
        from infopt_compiler.measure.serving.latency import compare

        label = settings.label(self.default)
        self.report(f"measuring {label}")
        try:
            folder = self.folder(settings)
            found = compare(
                {label: OnnxModel(folder, "")},
                short(self.scenario) if load.short else self.scenario,
                rounds=1,
                requests=load.requests,
                warmup=load.warmup,
                seed=number,
            )
        except (DiagnosticError, PassError) as failure:
            raise TrialError(f"{label}: {failure}") from failure
        return block_seconds(found[label], self.objective)

    def refusal(self, current: Settings, chosen: Settings) -> str | None:
        """Level 4 is refused where it costs more than `max_kl` nats against level 0 of the same artifact."""
        raised = (
            chosen.accuracy_level > current.accuracy_level
            or chosen.head_accuracy_level > current.head_accuracy_level
        )
        if not raised:
            return None
        cost = self.cost(chosen)
        if cost.mean <= self.max_kl:
            return None
        return f"refused: it costs {cost.mean:.4f} nats of mean KL, more than max_kl = {self.max_kl:g}"

    def cost(self, settings: Settings) -> KlCost:
        """KL of these accuracy levels against level 0, measured once."""
        levels = replace(
            self.default,
            accuracy_level=settings.accuracy_level,
            head_accuracy_level=settings.head_accuracy_level,
        )
        exact = replace(self.default, accuracy_level=0, head_accuracy_level=0)
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
            make_variant(self.source, unfinished, self.default, settings)
            unfinished.rename(folder)
        return folder


def short(scenario: Scenario) -> Scenario:
    """The same requests with few output tokens."""
    return replace(scenario, generate=min(scenario.generate, SCREEN_TOKENS))


def block_seconds(samples: BlockSamples, objective: Objective) -> float:
    """The objective's median over the requests of a block; for `throughput` the seconds per output token."""
    values = [value for block in samples.values(objective.value) for value in block]
    return 1 / median(values) if objective is Objective.throughput else median(values)
