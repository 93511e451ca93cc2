"""Operations of finding a student, counted as the search makes them."""

from __future__ import annotations

from dataclasses import replace
from math import comb

from infopt_compiler.passes.distill.students.cost import fit_operations, prune_operations, search_runs
from tests.passes.quantize.test_quantize import SMOLLM2


def test_trials_of_the_greedy_search() -> None:
    trials, runs = search_runs(30, 20)
    assert trials == 138  # as the facts of a build of recipes/smollm2-small.opt say
    assert runs > 30 * 29 / 2


def test_all_subsets_of_few_layers_are_tried() -> None:
    assert search_runs(6, 3) == (6 + comb(6, 3), 6 + 15 + comb(6, 3) * 3)


def test_no_layer_to_remove_is_no_search() -> None:
    assert search_runs(30, 30) == (0, 0.0)


def test_fitting_grows_with_layers_and_tokens_and_a_narrower_student_is_watched_first() -> None:
    student, narrow = replace(SMOLLM2, layers=20), replace(SMOLLM2, intermediate=768)
    assert fit_operations(SMOLLM2, student, 1024, 256) < fit_operations(SMOLLM2, student, 2048, 256)
    assert fit_operations(SMOLLM2, student, 1024, 256) < fit_operations(SMOLLM2, SMOLLM2, 1024, 256)
    amount = {"tried": 768, "tried_length": 64, "fitted": 1024, "length": 256}
    assert prune_operations(SMOLLM2, narrow, **amount) == fit_operations(SMOLLM2, narrow, 1024, 256)
