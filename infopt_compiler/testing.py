"""What every pass must do, as tests to inherit. A package of passes writes, where pytest finds it,

    class TestPack(PassSuite):
        name = "pack"
        recipe = 'model m = "file:model"\\np = pack(m)\\n'

        def prepare(self, folder: Path) -> None: ...  # writes the model that the recipe names into `folder`

and the pass is held to its contract: registration, help, parameters, checking without heavy imports, `transform` and
`estimate` without side effects, and, where there is a `recipe`, a run whose result is what was promised, with the same
bytes twice unless the pass is bound to the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.store import Store
from infopt_compiler.diagnostics import Input, render_text
from infopt_compiler.execute import ExecuteOptions, Execution, run_graph
from infopt_compiler.execute.events import Silent
from infopt_compiler.graph import build_graph
from infopt_compiler.passes.base import Pass
from infopt_compiler.passes.contract import breaches
from infopt_compiler.passes.instance import make_pass, parameters_of
from infopt_compiler.passes.registry import find_pass, pass_names
from infopt_compiler.sema import check_recipe
from infopt_compiler.targets.model import Target

HEAVY = ("torch", "transformers", "onnx", "onnxruntime", "hydra", "rich", "numpy")
TARGET = Target("conformance", 8e9, 30e9, 1e11, 0.1, 2, here=True)
_SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 512,
    "max_position_embeddings": 128,
}
DECODER = ModelSpec.from_config({**_SIZES, "model_type": "llama", "architectures": ["LlamaForCausalLM"]})
ENCODER = ModelSpec.from_config({**_SIZES, "model_type": "bert", "architectures": ["BertModel"]})

_LIGHT = """
import sys
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.testing import HEAVY, say_all
say_all(find_pass({name!r}), **{parameters!r})
print(*sorted(set(HEAVY) & set(sys.modules)))
"""


def say_all(cls: type[Pass], **parameters: Any) -> list[Any]:
    """Everything that is asked of a pass before it runs, of a decoder and an encoder."""
    instance = make_pass(cls, parameters)
    said: list[Any] = []
    for spec in (None, DECODER, ENCODER):
        problems = list(instance.check(spec))
        said.append(problems)
        if spec is not None and not problems:
            said += [instance.transform(spec), instance.estimate(spec, TARGET)]
    return said


def build(recipe: Path, store: Path) -> Execution:
    """Every step of a recipe in processes of their own, as a build does; AssertionError with what went wrong."""
    program, found = check_recipe(Input(str(recipe), recipe.read_text("utf-8")))
    assert program is not None, render_text(found)
    options = ExecuteOptions(logs=store / "logs", threads=1)
    made = run_graph(build_graph(program), Store(store), TARGET, options, Silent())
    assert not made.failed, render_text(made.diagnostics)
    return made


class PassSuite:
    """`parameters` of a pass that has such without a default; `recipe` names a run that takes seconds, "" for none."""

    name: ClassVar[str]
    parameters: ClassVar[dict[str, Any]] = {}
    recipe: ClassVar[str] = ""

    def prepare(self, folder: Path) -> None:
        """Write what the recipe names into `folder`."""

    def test_it_is_registered_and_keeps_the_contract(self) -> None:
        assert self.name in pass_names()
        assert list(breaches(find_pass(self.name))) == []

    def test_it_and_each_parameter_have_help(self) -> None:
        cls = find_pass(self.name)
        assert (cls.__dict__.get("__doc__") or "").strip() and not cls.__doc__.startswith(f"{cls.__name__}(")  # type: ignore[union-attr]
        assert [field.name for field in fields(cls) if not field.metadata.get("doc", "").strip()] == []

    def test_its_parameters_are_plain_values(self) -> None:
        """They go through JSON to the worker, into the cache key and into Hydra's configuration."""
        from omegaconf import OmegaConf

        from infopt_compiler.config.structured import node_schema

        made = make_pass(cls := find_pass(self.name), self.parameters)
        plain = json.loads(json.dumps(parameters_of(made)))
        assert make_pass(cls, plain) == made and parameters_of(make_pass(cls, plain)) == plain
        assert OmegaConf.structured(node_schema(cls))["pass"] == self.name

    def test_checking_says_the_same_twice_and_changes_nothing(self) -> None:
        made = make_pass(cls := find_pass(self.name), self.parameters)
        before = parameters_of(made)
        assert say_all(cls, **self.parameters) == say_all(cls, **self.parameters)
        for spec in (DECODER, ENCODER):
            list(made.check(spec))
        assert parameters_of(made) == before

    def test_checking_imports_nothing_heavy(self) -> None:
        code = _LIGHT.format(name=self.name, parameters=self.parameters)
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.split() == []

    def test_a_run_makes_what_was_promised_and_the_same_twice(self, tmp_path: Path) -> None:
        """A worker refuses what is not of its kind, or another model than was promised."""
        if not self.recipe:
            return
        self.prepare(tmp_path)
        (recipe := tmp_path / "recipe.opt").write_text(self.recipe, "utf-8")
        first, second = (build(recipe, tmp_path / name).runs[-1] for name in ("first", "second"))
        assert first.pass_name == second.pass_name == self.name and first.size_bytes > 0
        if not find_pass(self.name).machine_bound:
            assert first.digest == second.digest
