"""From a recipe and the words behind it to what a build needs: the checked program, and overrides in Hydra's syntax."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.cli.split import at
from infopt_compiler.config.group_overrides import group_value, is_group_field
from infopt_compiler.config.groups import GROUPS
from infopt_compiler.config.hydra_words import check_hydra_words, hydra_word, is_hydra, tries_intervals
from infopt_compiler.config.overrides import (
    MOST_JOBS,
    Override,
    hydra_literal,
    is_interval,
    is_sweep_function,
    split_override,
    split_values,
    sweep_values,
)
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Input, Severity, Span, error
from infopt_compiler.pipeline import front
from infopt_compiler.sema.groups import group_options
from infopt_compiler.sema.program import Program


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

    @property
    def several(self) -> list[tuple[Override, list[str]]]:
        return [(override, values) for override, values in (*self.groups, *self.recipe) if len(values) > 1]

    @property
    def jobs(self) -> int | None:
        """The number of combinations; None where a sweeper chooses them."""
        if any(is_interval(override.value or "") for override, _ in self.several):
            return None
        return math.prod(len(values) for _, values in self.several)


@dataclass(frozen=True)
class Combination:
    """One job of a sweep: all its words, each with one value, and those of them that other jobs have otherwise."""

    words: tuple[str, ...]
    own: tuple[str, ...]

    @property
    def title(self) -> str:
        return " ".join(self.own) or "no overrides of its own"


def combinations(words: Sequence[str]) -> list[Combination]:
    """The jobs of a sweep, in the order in which a build numbers them; of an `interval` its ends. DiagnosticError."""
    given = _sort(words, multirun=True)
    if any(d.severity is Severity.error for d in given.wrong):
        raise DiagnosticError(*given.wrong)
    choices = [
        [_with(override, values, value) for value in values]
        for override, values in (*given.groups, *given.recipe)
    ]
    own = {override.path for override, _ in given.several}
    hydra = tuple(override.text for override in given.hydra)
    return [
        Combination((*hydra, *(o.text for o in chosen)), tuple(o.text for o in chosen if o.path in own))
        for chosen in itertools.product(*choices)
    ]


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
    return Resolved(
        program=program,
        warnings=tuple(found),
        fixed=tuple(o.text for o, values in given.recipe if len(values) == 1),
        fields=tuple(o.text for o, values in given.groups if len(values) == 1),
        swept=tuple(override.path for override, _ in given.several),
        hydra=(
            *map(hydra_word, given.hydra),
            *_group_words(given.groups),
            *_recipe_words(recipe, program, given.recipe),
        ),
        jobs=given.jobs,
    )


_SWEEPS = "several values: `4,8`, `choice(4,8)`, `range(2,9)`, of a group `glob(*)`"


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
    given.wrong += _too_much(given) if multirun else []
    return given


def _too_much(given: _Words) -> Iterator[Diagnostic]:
    """Sweeps that no sweeper here carries out."""
    jobs = given.jobs
    if jobs is not None and jobs > MOST_JOBS:
        paths = ", ".join(f"`{override.path}`" for override, _ in given.several)
        message = (
            f"this sweep has {jobs} jobs, and at most {MOST_JOBS} are run: it combines the values of {paths}"
        )
        widest = max(given.several, key=lambda pair: len(pair[1]))[0]
        yield error("E0523", message, _value_span(widest), help="give fewer values, or several sweeps")
    if tries_intervals(given.hydra):
        return
    for override, _ in given.several:
        if is_interval(override.value or ""):
            message = "an interval has no list of values, which the sweeper `basic` wants"
            help = f"list some, `{override.path}=range(START,STOP,STEP)`, or choose a sweeper that learns: `hydra/sweeper=optuna`"
            yield error("E0524", message, _value_span(override), help=help)


def _value_span(override: Override) -> Span:
    return at(override.text, len(override.text) - len(override.value or ""))


def _sort_own(given: _Words, override: Override, multirun: bool) -> None:
    """An override of the recipe or of a group, with its values."""
    value = override.value or ""
    try:
        function = is_sweep_function(value)
        options = group_options(override.path) if override.path in GROUPS else ()
        values = sweep_values(value, options) if function and multirun else split_values(value)
    except ValueError as problem:
        message = f"`{value.strip()}` is no sweep: {problem}"
        given.wrong.append(error("E0508", message, _value_span(override), help=_SWEEPS))
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
    for combination in _combinations(given):
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
    """One value, several, or an interval as it was written: what Hydra tries is what was checked."""
    if is_interval(override.value or ""):
        return (override.value or "").strip()
    return ",".join(hydra_literal(value) for value in values)
