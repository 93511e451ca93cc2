"""The planner's analytic model against two processes of this machine, joined by gloo, on generated Llamas.

python -m benchmarks.parallel_gloo FILE            measures (three minutes) and writes FILE
python -m benchmarks.parallel_gloo FILE --write    fits on half of it and writes the table of docs/parallelization.md

Every mesh of one model, on every second load, is fitted; the other loads, and another model with all its loads, are judged.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks.parallel_fit import Values, fit_values
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.efficiency import CPU
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.sharded import Load, price

PAGE = Path(__file__).parents[1] / "docs" / "parallelization.md"
BEGIN, END = "<!-- gloo -->", "<!-- end gloo -->"
MODELS = {
    "A": {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 8192},
    "B": {"hidden_size": 640, "intermediate_size": 1728, "num_hidden_layers": 10, "num_attention_heads": 10, "num_key_value_heads": 2, "vocab_size": 12288},
}  # fmt: skip
MESHES = (Mesh(), Mesh(tensor=2), Mesh(pipeline=2), Mesh(sequence=2), Mesh(data=2))
LOADS = (
    Load(32, 16, 2),
    Load(128, 16, 2),
    Load(64, 16, 4),
    Load(256, 16, 1),
    Load(96, 16, 6),
    Load(192, 16, 2),
)
START = {
    "bandwidth": 0.7,
    "flops": 0.6,
    "attention": 1.5,
    "layer_seconds": 4e-4,
    "token_seconds": 1e-4,
    "one_row": 1.0,
    "alone": 1.0,
    "gloo_bandwidth": 1e9,
    "gloo_step": 2e-4,
    "gloo_start": 1e-4,
}
REPEATS = 3
QUANTITIES = ("ttft", "tpot", "latency")


@dataclass(frozen=True)
class Measured:
    """Medians of one model, mesh and load."""

    model: str
    mesh: Mesh
    load: Load
    ttft: float
    tpot: float
    latency: float

    @property
    def fitted(self) -> bool:
        return self.model == "A" and LOADS.index(self.load) % 2 == 0


def measure(path: Path) -> None:
    from infopt_compiler.targets import find_target, machine_identity

    target = find_target("cpu")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            source = _generated(name, Path(folder))
            for mesh in MESHES:
                rows += list(_runs(name, source, mesh, Path(folder)))
                print(f"{name} {mesh}", file=sys.stderr, flush=True)
    known = {"bandwidth": target.bandwidth, "flops": target.flops, "cores": target.cores}
    data = {"machine": machine_identity(), "target": known, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def _generated(name: str, folder: Path) -> Path:
    """A Llama of random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(**MODELS[name], max_position_embeddings=2048, tie_word_embeddings=False)
    LlamaForCausalLM(config).save_pretrained(folder / name)
    return folder / name


def _runs(name: str, source: Path, mesh: Mesh, folder: Path) -> Iterator[Measured]:
    from infopt_compiler.passes.shard.run.launch import Ranks
    from infopt_compiler.passes.shard.run.rank import RankJob
    from infopt_compiler.passes.shard.run.write import write_shards

    out = folder / f"{name}-{mesh}"
    out.mkdir()
    write_shards(source, out, mesh, "float32", lambda *told: None)
    with Ranks(RankJob(str(out), str(out / "ranks"), serve=True)) as ranks:
        events = ranks.events()
        ready = 0
        while ready < mesh.world:
            ready += next(events)["event"] == "ready"
        _request(ranks, events, mesh, LOADS[1])  # warm-up
        for load in LOADS:
            found = [_request(ranks, events, mesh, load) for _ in range(REPEATS)]
            first, end = (statistics.median(times) for times in zip(*found, strict=True))
            yield Measured(name, mesh, load, first, (end - first) / (load.generate - 1), end)


def _request(ranks: Any, events: Iterator[dict[str, Any]], mesh: Mesh, load: Load) -> tuple[float, float]:
    """Seconds to the first token of all rows, and to the last."""
    assert load.batch is not None
    prompts = [[(7 * k + 13 * row) % 8000 for k in range(load.prompt)] for row in range(load.batch)]
    start = time.perf_counter()
    ranks.ask({"prompts": prompts, "tokens": load.generate})
    seen: set[int] = set()
    first, done = 0.0, 0
    while done < mesh.data:
        event = next(events)
        if event["event"] == "tokens" and not first:
            seen |= set(range(event["first"], event["first"] + len(event["tokens"])))
            first = time.perf_counter() - start if len(seen) == load.batch else 0.0
        done += event["event"] == "done"
    return first, time.perf_counter() - start


def read(path: Path) -> tuple[list[Measured], Target]:
    data = json.loads(path.read_text("utf-8"))
    rows = [
        Measured(**{**row, "mesh": Mesh.from_json(row["mesh"]), "load": Load(**row["load"])})
        for row in data["rows"]
    ]
    known = data["target"]
    here = Target("cpu", 64e9, known["bandwidth"], known["flops"], 0.1, known["cores"], here=True)
    return rows, here


def predicted(row: Measured, target: Target) -> list[float]:
    spec = ModelSpec.from_config({**MODELS[row.model], "model_type": "llama"})
    found = price(spec, target, row.mesh, row.load)
    assert found is not None
    return [getattr(found, name) for name in QUANTITIES]


def with_values(target: Target, values: Values) -> Target:
    """Shares and overheads of `Efficiency`; of gloo a latency for each collective and a bandwidth."""
    shares = {name: value for name, value in values.items() if name in vars(CPU)}
    link = Link(values["gloo_bandwidth"], values["gloo_step"], values["gloo_start"], "gloo")
    return replace(target, cluster=Cluster(1, 64, link, link), efficiency=replace(CPU, **shares))


def fit_here(rows: Sequence[Measured], target: Target) -> Values:
    start = START
    measured = [getattr(row, name) for row in rows for name in QUANTITIES]
    return fit_values(
        lambda values: [v for row in rows for v in predicted(row, with_values(target, values))],
        measured,
        start,
        {
            "bandwidth": 1.0,
            "flops": 2.0,
            "one_row": 2.0,
            "alone": 2.0,
        },  # a core alone has at most the whole memory
    )


def _errors(rows: Sequence[Measured], target: Target) -> dict[str, float]:
    found = [
        [
            abs(value / getattr(row, name) - 1)
            for value, name in zip(predicted(row, target), QUANTITIES, strict=True)
        ]
        for row in rows
    ]
    return {
        name: statistics.mean(column)
        for name, column in zip(QUANTITIES, zip(*found, strict=True), strict=True)
    }


def table(path: Path) -> None:
    rows, here = read(path)
    values = fit_here([row for row in rows if row.fitted], here)
    target = with_values(here, values)
    print("| rows | mesh | count | first token | per token | whole request |")
    print("|---|---|---|---|---|---|")
    parts = {
        "fitted: A, every second load": lambda row: row.fitted,
        "judged: A, the other loads": lambda row: row.model == "A" and not row.fitted,
        "judged: B, all loads": lambda row: row.model == "B",
        "judged: together": lambda row: not row.fitted,
    }
    for what, wanted in parts.items():
        for mesh in (*MESHES, None):
            chosen = [row for row in rows if wanted(row) and mesh in (None, row.mesh)]
            shown = " | ".join(f"{error:.0%}" for error in _errors(chosen, target).values())
            print(f"| {what} | {mesh or '**all**'} | {len(chosen)} | {shown} |")
    judged = [row for row in rows if not row.fitted]
    right = [_best(judged, model, load, target) for model in MODELS for load in LOADS]
    known = [one for one in right if one is not None]
    print(
        f"\nThe mesh of two processes with the shortest request is ranked first for {sum(known)} of {len(known)} judged loads."
    )
    print("Constants: " + ", ".join(f"{name} {value:.3g}" for name, value in values.items()) + ".")


def _best(rows: Sequence[Measured], model: str, load: Load, target: Target) -> bool | None:
    chosen = [r for r in rows if (r.model, r.load) == (model, load) and r.mesh.world == 2]
    if not chosen:
        return None
    measured = min(chosen, key=lambda row: row.latency)
    return measured is min(chosen, key=lambda row: predicted(row, target)[2])


def _write(path: Path) -> None:
    with redirect_stdout(StringIO()) as printed:
        table(path)
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{printed.getvalue()}{END}{after}", "utf-8")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    if "--write" in sys.argv:
        _write(file)
    elif "--table" in sys.argv:
        table(file)
    else:
        measure(file)
        table(file)
