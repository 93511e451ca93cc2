"""The tables of parameters and of methods in docs/passes.md: `python -m tests.passes.doc_tables` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

from infopt_compiler.cli.passes import _facts, _range
from infopt_compiler.passes.quantize.registry import find_method, method_names
from infopt_compiler.passes.registry import find_pass

PAGE = Path(__file__).parents[2] / "docs" / "passes.md"
_METHODS = re.compile(r"<!-- methods -->\n.*?<!-- end -->", re.DOTALL)
_TABLE = re.compile(r"<!-- table: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def table(name: str) -> str:
    """Inputs, output and parameters of a pass in Markdown."""
    facts = _facts(find_pass(name))
    takes = ", ".join(f"`{argument}: {kind}`" for argument, kind in facts["inputs"].items())
    rows = [
        f"Takes {takes}; gives `{facts['output']}`.",
        "",
        "| parameter | value | what it is |",
        "|---|---|---|",
    ]
    rows += [f"| `{p['name']}` | {_range(p)} | {p['doc'].replace('|', '/')} |" for p in facts["parameters"]]
    return "\n".join(rows)


def methods() -> str:
    """The methods of `quantize` in Markdown."""
    rows = ["| `method` | how integers are chosen | calibration text |", "|---|---|---|"]
    for name in method_names():
        method = find_method(name)
        rows.append(f"| `{name}` | {method.summary} | {'needed' if method.calibrated else 'none'} |")
    return "\n".join(rows)


def with_tables(page: str) -> str:
    page = _METHODS.sub(lambda _: f"<!-- methods -->\n{methods()}\n<!-- end -->", page)
    return _TABLE.sub(lambda found: f"<!-- table: {found[1]} -->\n{table(found[1])}\n<!-- end -->", page)


def named(page: str) -> list[str]:
    """The passes that have a table."""
    return [found[1] for found in _TABLE.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
