"""The planner's analytic model against published scaling tables, as docs/parallelization.md shows them.

python -m benchmarks.parallel           errors on the lengths that were not fitted, for three models; every row of the last
python -m benchmarks.parallel --write   the same into docs/parallelization.md
python -m benchmarks.parallel --fit     the constants of `targets/efficiency.py`, fitted on all lengths
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from itertools import combinations
from pathlib import Path
from statistics import mean

from benchmarks.parallel_fit import fit
from benchmarks.parallel_published import Published, tables
from infopt_compiler.targets.efficiency import NVLINK, Efficiency

PAGE = Path(__file__).parents[1] / "docs" / "parallelization.md"
BEGIN, END = "<!-- published -->", "<!-- end -->"


@dataclass(frozen=True)
class Variant:
    """A way to model the run: `queue`: a finite one; `graphs`: batches padded to the captured sizes."""

    name: str
    queue: bool
    graphs: bool

    def start(self) -> Efficiency:
        neutral = replace(NVLINK, bandwidth=0.8, cache=0.6, flops=0.4, attention=1.5, link=0.6)
        neutral = replace(neutral, layer_seconds=1e-5, token_seconds=1e-5)
        return neutral if self.graphs else replace(neutral, batch_sizes=())

    def fitted(self, rows: Sequence[Published]) -> Efficiency:
        return fit(
            lambda shares: [row.predict(shares, queue=self.queue) for row in rows],
            [row.measured for row in rows],
            self.start(),
        )

    def errors(self, rows: Sequence[Published], shares: Efficiency) -> list[float]:
        return [row.predict(shares, queue=self.queue) / row.measured - 1 for row in rows]


VARIANTS = (
    Variant("steady state", queue=False, graphs=False),
    Variant("finite queue", queue=True, graphs=False),
    Variant("finite queue, captured batch sizes", queue=True, graphs=True),
)


def halves(rows: Sequence[Published], fitted: int) -> tuple[list[Published], list[Published]]:
    """Every second pair of lengths is fitted, the others are judged."""
    lengths = sorted({row.lengths for row in rows})
    chosen = set(lengths[fitted::2])
    return [r for r in rows if r.lengths in chosen], [r for r in rows if r.lengths not in chosen]


def ranking(
    rows: Sequence[Published], predicted: Sequence[float], *, per_device: bool
) -> tuple[int, int, int, int]:
    """(pairs of degrees in the right order, pairs, lengths whose best degree is first, lengths)."""
    groups: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for row, value in zip(rows, predicted, strict=True):
        scale = row.mesh.world if per_device else 1
        groups.setdefault(row.lengths, []).append((row.measured / scale, value / scale))
    right = pairs = first = 0
    for group in groups.values():
        first += max(group)[1] == max(value for _, value in group)
        for one, other in combinations(group, 2):
            pairs += 1
            right += (one[0] < other[0]) == (one[1] < other[1])
    return right, pairs, first, len(groups)


def _summary() -> None:
    print(
        "| model of the run | table | fitted lengths | error there | judged lengths | mean error | largest |"
    )
    print("|---|---|---|---|---|---|---|")
    for variant in VARIANTS:
        for table, rows in tables().items():
            for half in (0, 1):
                own, others = halves(rows, half)
                shares = variant.fitted(own)
                near, far = (list(map(abs, variant.errors(part, shares))) for part in (own, others))
                counted = [len({row.lengths for row in part}) for part in (own, others)]
                print(
                    f"| {variant.name} | {table} | {counted[0]} {'even' if half == 0 else 'odd'} | {mean(near):.1%} "
                    f"| {counted[1]} | {mean(far):.1%} | {max(far):.0%} |",
                    flush=True,
                )


def _rows() -> None:
    """Every row, each predicted by the fit that did not see its lengths; then rankings."""
    variant = VARIANTS[-1]
    for table, rows in tables().items():
        predicted: dict[Published, float] = {}
        for half in (0, 1):
            own, others = halves(rows, half)
            shares = variant.fitted(own)
            predicted |= {row: row.predict(shares, queue=variant.queue) for row in others}
        print(f"\n{table}: measured / predicted tok/s (error)\n")
        meshes = sorted({row.mesh for row in rows}, key=lambda mesh: mesh.world)
        print("| lengths |" + "".join(f" {mesh} |" for mesh in meshes))
        print("|---|" + "---|" * len(meshes))
        for lengths in sorted({row.lengths for row in rows}):
            cells = {
                row.mesh: f"{row.measured:,.0f} / {predicted[row]:,.0f} ({predicted[row] / row.measured - 1:+.0%})"
                for row in rows
                if row.lengths == lengths
            }
            print(f"| {lengths[0]}/{lengths[1]} |" + "".join(f" {cells.get(mesh, '')} |" for mesh in meshes))
        values = [predicted[row] for row in rows]
        for per_device, what in ((False, "throughput"), (True, "throughput per device")):
            right, pairs, first, lengths_count = ranking(rows, values, per_device=per_device)
            print(
                f"\nBy {what}: {right} of {pairs} pairs of degrees in the right order, the best degree first for "
                f"{first} of {lengths_count} lengths."
            )
        errors = [abs(value / row.measured - 1) for row, value in zip(rows, values, strict=True)]
        off = [
            f"{r.lengths[0]}/{r.lengths[1]} {r.mesh}" for r, e in zip(rows, errors, strict=True) if e > 0.25
        ]
        print(
            f"\nMean error {mean(errors):.1%}, all lengths judged unseen; off by more than 25 %: {', '.join(off) or 'none'}."
        )


def _fit() -> None:
    for table, rows in tables().items():
        shares = VARIANTS[-1].fitted(rows)
        print(
            table,
            {name: float(f"{value:.3g}") for name, value in vars(shares).items() if isinstance(value, float)},
        )


def _write() -> None:
    with redirect_stdout(StringIO()) as printed:
        _summary()
        _rows()
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{printed.getvalue()}{END}{after}", "utf-8")


if __name__ == "__main__":
    if "--fit" in sys.argv[1:]:
        _fit()
    elif "--write" in sys.argv[1:]:
        _write()
    else:
        _summary()
        _rows()
