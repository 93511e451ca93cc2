"""From a recipe and the words behind it to what a build needs: the checked program, and overrides in Hydra's syntax."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.cli.split import at
from infopt_compiler.config.group_overrides import group_value, is_group_field
from infopt_compiler.config.hydra_words import check_hydra_words, hydra_word, is_hydra
from infopt_compiler.config.overrides import (
    Override,
    hydra_literal,
    is_sweep_function,
    split_override,
    split_values,
    sweep_values,
)
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Input, Severity, error
from infopt_compiler.pipeline import front
from infopt_compiler.sema.program import Program

_MOST_COMBINATIONS = 256  # of a sweep that are tried for one whose program passes the check


@dataclass(frozen=True)
class Resolved:
    """`program` is checked with the overrides (of a sweep: with its first combination that passes).

    `fixed` are the recipe's overrides that all jobs share, `fields` those of groups' fields, `swept` the paths with several values; `hydra` is what
    `hydra.main` gets, `jobs` the number of combinations where it is known.
    """

    program: Program
    warnings: tuple[Diagnostic, ...]
    fixed: tuple[str, ...]
    fields: tuple[str, ...]
    swept: tuple[str, ...]
    hydra: tuple[str, ...]
    jobs: int | None


@dataclass
class _Words:
    """Overrides by kind; each with its values (several: a sweep)."""

    recipe: list[tuple[Override, list[str]]] = field(default_factory=list)
    groups: list[tuple[Override, list[str]]] = field(default_factory=list)
    hydra: list[Override] = field(default_factory=list)
    wrong: list[Diagnostic] = field(default_factory=list)
    known_jobs: bool = True


def static_problems(recipe: Input, words: Sequence[str]) -> list[Diagnostic]:
    """All diagnostics of a recipe with overrides, for `check`."""
    sorted_words = _sort(words, multirun=False)
    group_problems = _group_problems(sorted_words.groups)
    _, found = front(recipe, [override.text for override, _ in sorted_words.recipe])
    return [*sorted_words.wrong, *group_problems, *found]


def resolve(recipe: Input, words: Sequence[str], *, multirun: bool = False) -> Resolved:
    """Check recipe and overrides. DiagnosticError with all that is wrong: nothing of Hydra has run then."""
    given = _sort(words, multirun)
    wrong = [*given.wrong, *_group_problems(given.groups)]
    if any(d.severity is Severity.error for d in wrong):
        raise DiagnosticError(*wrong)
    program, found = _check_combinations(recipe, given.recipe)
    if program is None:
        raise DiagnosticError(*found)
    several = [values for _, values in (*given.recipe, *given.groups) if len(values) > 1]
    swept = tuple(o.path for o, values in (*given.recipe, *given.groups) if len(values) > 1)
    return Resolved(
        program=program,
        warnings=tuple(found),
        fixed=tuple(o.text for o, values in given.recipe if len(values) == 1),
        fields=tuple(o.text for o, values in given.groups if len(values) == 1),
        swept=swept,
        hydra=(
            *map(hydra_word, given.hydra),
            *_group_words(given.groups),
            *_recipe_words(recipe, program, given.recipe),
        ),
        jobs=_product(map(len, several)) if given.known_jobs else None,
    )


def _sort(words: Sequence[str], multirun: bool) -> _Words:
    given = _Words()
    for word in words:
        override = split_override(word)
        if override is None:
            given.wrong.append(
                error("E0509", f"`{word}` is no override", at(word), help="write `NAME.FIELD=VALUE`")
            )
        elif is_hydra(override):
            given.hydra.append(override)
        else:
            _sort_own(given, override, multirun)
    given.wrong += check_hydra_words(given.hydra)
    return given


def _sort_own(given: _Words, override: Override, multirun: bool) -> None:
    """An override of the recipe or of a group, with its values."""
    value = override.value or ""
    try:
        function = is_sweep_function(value)
        values = sweep_values(value) if function and multirun else split_values(value)
    except ValueError as problem:
        given.wrong.append(error("E0508", f"`{value}` is no sweep: {problem}", at(override.text)))
        return
    if (function or len(values) > 1) and not multirun:
        given.wrong.append(
            error(
                "E0508",
                f"`{override.text}` gives several values",
                at(override.text),
                help="add `-m` for a sweep",
            )
        )
        return
    given.known_jobs &= not value.lstrip().startswith(("interval", "tag", "glob"))
    kind = given.groups if is_group_field(override) else given.recipe
    kind.append((override, values if override.value is not None else [""]))


def _group_problems(groups: Iterable[tuple[Override, list[str]]]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for override, values in groups:
        for value in values:
            try:
                group_value(_with(override, values, value))
            except DiagnosticError as problem:
                found += problem.diagnostics
    return found


def _check_combinations(
    recipe: Input, given: list[tuple[Override, list[str]]]
) -> tuple[Program | None, list[Diagnostic]]:
    """The program of the first combination that passes, and diagnostics.

    A value that is wrong by itself (its syntax, name, type, unit or range) is refused before any job starts; what only
    a combination makes wrong fails that job alone.
    """
    alone = [d for d in _each_value(recipe, given) if not d.code.startswith("E04")]
    if alone:
        return None, list(dict.fromkeys(alone))
    first: list[Diagnostic] = []
    for combination in itertools.islice(_combinations(given), _MOST_COMBINATIONS):
        program, found = front(recipe, combination)
        if program is not None:
            return program, found
        first = first or found
    return None, first


def _each_value(recipe: Input, given: list[tuple[Override, list[str]]]) -> Iterator[Diagnostic]:
    """Errors of each value of a sweep, all others at their first."""
    for index, (override, values) in enumerate(given):
        for value in values if len(values) > 1 else ():
            texts = [_with(o, v, v[0]).text for o, v in given]
            texts[index] = override.with_value(value)
            _, found = front(recipe, texts)
            yield from (d for d in found if d.severity is Severity.error)


def _combinations(given: list[tuple[Override, list[str]]]) -> Iterator[list[str]]:
    choices = [[_with(override, values, value).text for value in values] for override, values in given]
    return (list(texts) for texts in itertools.product(*choices))


def _with(override: Override, values: list[str], value: str) -> Override:
    """The override with one of its values; its own text where it has just one."""
    if len(values) == 1:
        return override
    return Override(override.with_value(value), override.operator, override.path, value)


def _group_words(groups: Iterable[tuple[Override, list[str]]]) -> Iterator[str]:
    for override, values in groups:
        decoded = [group_value(_with(override, values, value)) for value in values]
        yield f"{override.path}={_literals(override, decoded)}"


def _recipe_words(recipe: Input, program: Program, given: list[tuple[Override, list[str]]]) -> Iterator[str]:
    """Overrides of the recipe as Hydra gets them: canonical values, quoted. `program` is checked with the first value of each.

    What is deleted is gone from the primary config. A `let` has no place in a configuration: only a sweep's values of one
    are handed on, since each job needs its own.
    """
    for index, (override, values) in enumerate(given):
        if override.operator == "~":
            continue
        programs = [program] if len(values) == 1 else _programs(recipe, given, index)
        found = [_lowered(one, override.path) for one in programs]
        path = next((path for path, value in found if value is not None), None)
        literals = [text if value is None else value for (_, value), text in zip(found, values, strict=True)]
        if path is not None:
            yield f"{path}={_literals(override, literals)}"
        elif len(values) > 1:
            yield f"++{override.path}={_literals(override, literals)}"


def _programs(recipe: Input, given: list[tuple[Override, list[str]]], index: int) -> Iterator[Program | None]:
    """The program of each value of the override at `index`, all others at their first."""
    override, values = given[index]
    for value in values:
        texts = [_with(o, v, v[0]).text for o, v in given]
        texts[index] = _with(override, values, value).text
        yield front(recipe, texts)[0]


def _lowered(program: Program | None, path: str) -> tuple[str, Any]:
    """The path in the configuration and the value there; None where only a job can say."""
    from infopt_compiler.config.lower import lower
    from infopt_compiler.config.paths import config_path

    if program is None:
        return path, None
    if path in ("target", "measure", "engine"):
        return path, getattr(program, path)
    place: Any = lower(program)
    path = config_path(program, path)
    for part in path.split("."):
        place = place.get(part) if isinstance(place, dict) else None
    return path, None if isinstance(place, dict) else place


def _literals(override: Override, values: list[Any]) -> str:
    """One value, several, or Hydra's own sweep function as it was written."""
    if is_sweep_function(override.value or ""):
        return (override.value or "").strip()
    return ",".join(hydra_literal(value) for value in values)


def _product(counts: Iterable[int]) -> int:
    total = 1
    for count in counts:
        total *= count
    return total
