"""Which steps are done again although the store has them: what is not final, `--rebuild`, and what `--remeasure` means to passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.graph.model import PassStep, Step


@dataclass(frozen=True)
class Again:
    """`rebuild`: bindings; `remeasure`: what passes chose by measuring is chosen anew. `since`: Unix seconds when the command
    began; what was made later was made by it, in another job of its sweep say, or by another build at the same time, and is
    taken. `retake`: what a pass called provisional is taken up again. `pinned`: binding → the digest that a lock file names,
    which is wanted also where the step was made anew since."""

    rebuild: frozenset[str] = frozenset()
    remeasure: bool = False
    since: float = 0.0
    retake: bool = True
    pinned: Mapping[str, str] = field(default_factory=dict)

    def reason(self, step: Step) -> str | None:
        """Why the step is done again, None where it is not."""
        if step.name in self.rebuild:
            return f"`--rebuild {step.name}`"
        if self.remeasure and isinstance(step, PassStep) and step.instance.chooses_by_measuring:
            return f"`--remeasure`: `{step.pass_name}` chooses by measuring"
        return None

    def takes(self, step: Step, entry: Entry) -> bool:
        """Whether this entry will do."""
        if self.since and entry.created >= self.since:
            return True
        return self.reason(step) is None and not self.takes_up(entry)

    def takes_up(self, entry: Entry) -> bool:
        """Whether the entry is one that its pass goes on from."""
        return self.retake and entry.made.provisional is not None


NEVER = Again()
