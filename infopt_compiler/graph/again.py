"""Which steps are done again although the store has them: `--rebuild`, and what `--remeasure` means to passes."""

from __future__ import annotations

from dataclasses import dataclass

from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.graph.model import PassStep, Step


@dataclass(frozen=True)
class Again:
    """`rebuild`: bindings; `remeasure`: what passes chose by measuring is chosen anew. `since`: Unix seconds when the command
    began; what was made later was made by it, in another job of its sweep say, and is taken."""

    rebuild: frozenset[str] = frozenset()
    remeasure: bool = False
    since: float = 0.0

    def reason(self, step: Step) -> str | None:
        """Why the step is done again, None where it is not."""
        if step.name in self.rebuild:
            return f"`--rebuild {step.name}`"
        if self.remeasure and isinstance(step, PassStep) and step.instance.chooses_by_measuring:
            return f"`--remeasure`: `{step.pass_name}` chooses by measuring"
        return None

    def takes(self, step: Step, entry: Entry) -> bool:
        """Whether this entry will do."""
        return entry.created >= self.since or self.reason(step) is None


NEVER = Again()
