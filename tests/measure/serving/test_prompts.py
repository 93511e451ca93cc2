from __future__ import annotations

from infopt_compiler.measure.serving.prompts import make_prompts


def words(text: str) -> list[int]:
    return [len(word) for word in f"<template> {text}".split()]


def test_prompts_have_the_scenario_s_tokens_and_differ() -> None:
    prompts = make_prompts(words, 50, 5, 0)
    assert prompts is not None
    assert {len(words(prompt)) for prompt in prompts} == {50}
    assert len(set(prompts)) == 5
    assert make_prompts(words, 50, 5, 0) == prompts


def test_a_template_longer_than_the_prompt_is_told() -> None:
    assert make_prompts(words, 1, 3, 0) is None
