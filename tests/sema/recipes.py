"""Helpers: recipes as text, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tests.sema.passes  # noqa: F401  # registers the passes of these tests
from infopt_compiler.diagnostics import Diagnostic, Input
from infopt_compiler.sema import Program, check_recipe

GOOD = """\
model base = "pypi:tiny==1.0#tiny.gguf"
data prose = "python:pydoc_data.topics"
data calib = prose[0% .. 60%] { window = 512 tokens, sample = 64, seed = 0 }
data heldout = prose[80% .. 100%] { window = 512 tokens }
scenario assistant { prompt = 128 tokens, generate = 64 tokens, batch = 1 }
best = pick(base, prefer = smallest, on = heldout)
q = shrink(best, method = gptq, bits = 4, group = 32, calibrate = calib)
onnx = convert(q, format = onnx)
chat = polish(onnx, under = assistant)
budget chat under assistant {
    ttft.p95 <= 600 ms
    size <= 110 MB
    perplexity <= 105% of best on heldout
    kl.mean <= 0.05 nats vs best on heldout
    warn cost <= 0.10 USD/Mtok
}
"""


@dataclass
class Outcome:
    program: Program | None
    found: list[Diagnostic]

    @property
    def codes(self) -> list[str]:
        return [d.code for d in self.found]

    @property
    def only(self) -> Diagnostic:
        assert len(self.found) == 1, [(d.code, d.message) for d in self.found]
        return self.found[0]

    @property
    def good(self) -> Program:
        assert self.program is not None, [(d.code, d.message) for d in self.found]
        return self.program


def check(text: str, *overrides: str, name: str = "recipe.opt") -> Outcome:
    return Outcome(*check_recipe(Input(name, text), overrides))


def changed(old: str, new: str, *overrides: str) -> Outcome:
    """The good recipe with one piece of text replaced."""
    assert GOOD.count(old) == 1, old
    return check(GOOD.replace(old, new), *overrides)


def span_texts(found: Sequence[Diagnostic]) -> list[str]:
    return [d.span.text if d.span else "" for d in found]
