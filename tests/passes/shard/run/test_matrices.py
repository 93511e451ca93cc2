"""Integer weights of ranks against the store's own arithmetic, which the proof does not show: both of its sides use these matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infopt_compiler.artifacts.quantized import dequantize_folder
from tests.passes.export.models import write_quantized


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
def test_integers_stand_for_the_floats_that_the_store_says(
    llama: Path, tmp_path: Path, bits: int, symmetric: bool
) -> None:
    from infopt_compiler.passes.shard.run.reference import Folder

    folder = write_quantized(llama, tmp_path / "quantized", bits=bits, symmetric=symmetric)
    ours, compared = Folder(folder, "float32"), 0
    for name, expected in dequantize_folder(folder):
        if name == "lm_head.weight" or name.endswith("_proj.weight"):
            assert np.array_equal(ours.tensor(name).numpy(), expected), name
            compared += 1
    assert compared == 1 + 2 * 7
