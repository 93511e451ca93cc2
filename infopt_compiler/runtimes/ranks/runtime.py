"""The ranks of a sharded model, as data."""

from __future__ import annotations

from infopt_compiler.artifacts.layouts import SHARDS
from infopt_compiler.runtimes.protocol import Runtime

RUNTIME = Runtime(
    name="ranks",
    serves=(SHARDS,),
    server="infopt_compiler.runtimes.ranks.serve:ShardedServer",
    distributions=("torch", "transformers"),
    scores=(SHARDS,),
    scorer="infopt_compiler.runtimes.ranks.serve:open_scorable",
)
