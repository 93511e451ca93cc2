"""What a scenario asks of a mesh."""

from __future__ import annotations

from infopt_compiler.measure.scenario import Scenario, ScenarioMode
from infopt_compiler.targets.sharded import Load


def load_of(scenario: Scenario | None) -> Load:
    """Batches start and end together, requests of a server join while others decode; `offline` takes as many as fit.

    Keys and values of `context` tokens are kept, where the scenario sets it, so prompts count as that much longer.
    """
    asked = scenario or Scenario()
    generate = max(1, asked.generate)
    prompt = max(asked.prompt, asked.max_length - generate)
    if asked.mode is ScenarioMode.offline:
        return Load(prompt, generate, None, joining=True)
    if asked.mode is ScenarioMode.server:
        return Load(prompt, generate, asked.concurrency, joining=True)
    return Load(prompt, generate, asked.batch)
