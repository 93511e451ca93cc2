"""A worker starts in a fraction of a second: it imports neither the language nor the graph."""

from __future__ import annotations

import subprocess
import sys

from infopt_compiler.execute.worker import peak_rss_bytes


def test_a_worker_imports_what_it_needs():
    code = "import sys, infopt_compiler.execute.worker; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    for package in ("sema", "graph", "syntax", "config"):
        assert f"infopt_compiler.{package}" not in loaded
    assert not {"lark", "torch", "hydra", "numpy"} & set(loaded)


def test_memory_of_what_a_worker_starts_counts():
    before = peak_rss_bytes()
    held = before + 50_000_000
    subprocess.run([sys.executable, "-c", f"a = bytearray(b'x') * {held}"], check=True)
    assert peak_rss_bytes() >= held
