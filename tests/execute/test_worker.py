"""A worker starts in a fraction of a second: it imports neither the language nor the graph."""

from __future__ import annotations

import subprocess
import sys


def test_a_worker_imports_what_it_needs():
    code = "import sys, infopt_compiler.execute.worker; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    for package in ("sema", "graph", "syntax", "config"):
        assert f"infopt_compiler.{package}" not in loaded
    assert not {"lark", "torch", "hydra", "numpy"} & set(loaded)
