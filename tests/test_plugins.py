"""What can be wrong with a package of plug-ins is told where it is used, and everything else works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infopt_compiler.diagnostics import CODES
from tests.packages import infopt, write_package

PASS = '''
from dataclasses import dataclass
from typing import ClassVar

from infopt_compiler.artifacts import HFModel
from infopt_compiler.artifacts.handles import Artifact
from infopt_compiler.artifacts.layouts import Layout
from infopt_compiler.passes.base import Pass, param
from infopt_compiler.runtimes.protocol import Runtime


@dataclass(frozen=True)
class Mine(Artifact):
    kind = "Mine"


{decorator}@dataclass(kw_only=True)
class Strip(Pass):
    """Leaves something out."""

    name: ClassVar[str] = "{name}"
    {version}
    inputs: ClassVar[dict] = {{"model": HFModel}}
    output: ClassVar[type] = {output}
    what: {kind} = param({default}, "what is left out")

    def run(self, ctx, **inputs):
        return {{}}
'''


def module(
    name: str = "strip", version: str = "version: ClassVar[int] = 1", kind: str = "str", default: str = '""', output: str = "HFModel", decorator: str = ""
) -> str:  # fmt: skip
    head = "from infopt_compiler.passes.registry import register_pass\n" if decorator else ""
    return head + PASS.format(
        name=name, version=version, kind=kind, default=default, output=output, decorator=decorator
    )


RECIPE = 'model small = "pypi:small==1#model.gguf"\nbase = {0}(small)\nkept = quantize(small, method = rtn)\n'
MISSING = "import a_library_that_is_missing\n"
DICT = module(kind="dict[str, int]", default="None")


def checked(place: Path, pass_name: str) -> list[dict]:
    """The diagnostics of a recipe that calls the pass, where the packages of `place` are installed."""
    (place / "r.opt").write_text(RECIPE.format(pass_name))
    ran = infopt(place, place / "packages", "check", "r.opt", "--json")
    assert "Traceback" not in ran.stderr, ran.stderr
    found = json.loads(ran.stdout)
    return list(found["diagnostics"] if isinstance(found, dict) else found)


@pytest.mark.parametrize(
    ("modules", "entry", "code", "says"),
    [
        ({"acme": MISSING}, "strip = acme:Strip", "E0790", "a_library_that_is_missing"),
        ({"acme": "raise SystemExit(3)"}, "strip = acme:Strip", "E0790", "SystemExit: 3"),
        ({"acme": module()}, "strip = acme:Absent", "E0790", "AttributeError"),
        ({"acme": module("select")}, "select = acme:Strip", "E0791", "in infopt-compile and in acme (acme:Strip)"),
        ({"acme": module(), "bolt": module()}, "strip = {0}:Strip", "E0791", "in acme (acme:Strip) and in bolt (bolt:Strip)"),
        ({"acme": module("trim")}, "strip = acme:Strip", "E0792", "calls itself `trim`"),
        ({"acme": module()}, "strip = acme:Runtime", "E0792", "no subclass of `Pass`"),
        ({"acme": module(version="")}, "strip = acme:Strip", "E0793", "has no `version`"),
        ({"acme": module(version="version: ClassVar[str] = '1'")}, "strip = acme:Strip", "E0793", "has the version '1'"),
        ({"acme": DICT}, "strip = acme:Strip", "E0793", "a parameter `what` of type `dict[str, int]`"),
        ({"acme": module(version="", decorator="@register_pass\n")}, "strip = acme:Strip", "E0793", "has no `version`"),
        ({"acme": module(output="Mine")}, "strip = acme:Strip", "E0793", "the kind `Mine`, which no entry point"),
        ({"acme": module(output="str")}, "strip = acme:Strip", "E0793", "has no `output`, a kind of artifact"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_pass_is_told_where_a_recipe_calls_it(
    tmp_path: Path, modules: dict[str, str], entry: str, code: str, says: str
) -> None:
    for name, text in modules.items():
        write_package(tmp_path / "packages", name, text, passes=entry.format(name))
    (found,) = checked(tmp_path, entry.partition(" ")[0])  # `quantize` in the line below works
    assert found["code"] == code and says in found["message"] and code in CODES, found
    assert all(name in found["message"] for name in modules), "the message names the packages"
    assert (found["span"]["line"], found["span"]["column"]) == (2, 8), "at the call"


def test_passes_lists_what_cannot_be_used_of_every_group(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    groups = ("passes", "kinds", "runtimes", "methods", "architectures")
    write_package(packages, "acme", MISSING, **{group: f"mine_{group} = acme:Mine" for group in groups})
    write_package(packages, "bolt", module(), passes="strip = bolt:Strip", kinds="Mine = bolt:Mine")
    ran = infopt(tmp_path, packages, "passes")
    assert ran.returncode == 0 and "strip" in ran.stdout and "quantize" in ran.stdout
    assert [ran.stderr.count(f"`mine_{group}` of acme (acme:Mine)") for group in groups] == [1] * 5
    assert ran.stderr.count("warning[E0790]") == 5
    assert "the artifact kind `Mine` of bolt (bolt:Mine) has no `layouts`" in ran.stderr
    one = infopt(tmp_path, packages, "passes", "mine_passes")
    assert one.returncode == 1 and "E0790" in one.stderr
    assert infopt(tmp_path, packages, "passes", "strip").returncode == 0
