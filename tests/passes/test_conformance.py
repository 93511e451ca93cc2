"""Every pass goes through the suite of the pass contract: the built-in ones, and those of the example package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infopt_compiler import plugins
from infopt_compiler.passes.registry import pass_names
from infopt_compiler.testing import PassSuite
from tests.packages import install_example
from tests.passes.export.models import write_llama

MODEL = 'model m = "file:model"\n'


class OverATinyLlama(PassSuite):
    def prepare(self, folder: Path) -> None:
        write_llama(folder / "model")


class TestSelect(OverATinyLlama):
    name = "select"
    recipe = MODEL + "s = select(m)\n"


class TestDistill(PassSuite):
    name = "distill"


@pytest.mark.slow
class TestQuantize(OverATinyLlama):
    name = "quantize"
    recipe = MODEL + "q = quantize(m, method = rtn, group = 32)\n"


@pytest.mark.slow
class TestShard(OverATinyLlama):
    name = "shard"
    recipe = MODEL + "s = shard(m, tensor = 2)\n"


@pytest.mark.slow
class TestExport(OverATinyLlama):
    name = "export"
    recipe = MODEL + "e = export(m)\n"


class TestTune(PassSuite):
    name = "tune"


class TestPack(OverATinyLlama):
    """Installed by pip, as a user would."""

    name = "pack"
    recipe = MODEL + "p = pack(m)\n"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def installed(cls, tmp_path_factory: pytest.TempPathFactory):
        folder = install_example(tmp_path_factory.mktemp("example") / "site")
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder))
            patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
            plugins.forget()
            yield
        plugins.forget()


def test_no_pass_is_left_out() -> None:
    found = [one for one in globals().values() if isinstance(one, type) and issubclass(one, PassSuite)]
    assert {suite.name for suite in found if hasattr(suite, "name")} == {*pass_names(), "pack"}
