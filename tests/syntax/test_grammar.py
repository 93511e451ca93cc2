"""The grammar is found from the repository and from an installed wheel, and is what it claims to be."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infopt_compiler.syntax.grammar import grammar_folder, recipe_parser

ROOT = Path(__file__).parents[2]


def test_the_repository_has_the_grammar():
    assert grammar_folder() == ROOT / "grammar"


def test_the_grammar_is_lalr():
    assert recipe_parser().options.parser == "lalr"
    assert recipe_parser().options.lexer == "contextual"


@pytest.mark.slow
def test_a_wheel_carries_the_grammar(tmp_path):
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "from infopt_compiler.diagnostics import Input\nfrom infopt_compiler.syntax import parse_recipe\n"
        "from infopt_compiler.syntax.grammar import grammar_folder\n"
        "print(grammar_folder(), len(parse_recipe(Input('a', 'target cpu'))[0].statements))"
    )
    # -P and an isolated path: neither the checkout nor an editable install is in the way.
    path = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", path + code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path / "site" / "infopt_compiler" / "grammar"), "1"]
