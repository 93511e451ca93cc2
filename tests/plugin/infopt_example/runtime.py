"""What opens the kind: as data, so that `check` and `plan` import nothing heavy."""

from __future__ import annotations

from infopt_compiler.runtimes.protocol import Runtime
from infopt_example.kind import PACKED

RUNTIME = Runtime(
    name="packed",
    serves=(PACKED,),
    server="infopt_example.serve:PackedServer",
    distributions=("torch", "transformers", "infopt-example"),
    scores=(PACKED,),
    scorer="infopt_example.serve:open_scorable",
)
