"""`completion SHELL`, and the words that the shells' scripts ask for. Hydra's own completion would run without a recipe."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import say
from infopt_compiler.cli.verbs import COMMON, VERBS, Flag, Takes, Verb

if TYPE_CHECKING:
    from infopt_compiler.sema.program import Program

# In bash `=` ends a word: what stands before it is cut off again. A candidate that ends in `=` or `/` is not complete.
_BASH = r"""_infopt_compile() {
  local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" current
  local -a typed
  IFS=' ' read -r -a typed <<< "$line"
  [[ "$line" == *' ' ]] && typed+=('')
  current="${typed[${#typed[@]}-1]}"
  COMPREPLY=($("${typed[0]}" __complete "${typed[@]:1}" 2>/dev/null))
  if [[ "$current" == *=* ]]; then COMPREPLY=("${COMPREPLY[@]#"${current%%=*}="}"); fi
  if [[ "${COMPREPLY[0]}" == *[=/] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _infopt_compile infopt-compile"""

_ZSH = r"""#compdef infopt-compile
_infopt_compile() {
  local -a found
  found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -Q -S '' -- ${(M)found:#*[=/]}
  compadd -Q -- ${found:#*[=/]}
}
compdef _infopt_compile infopt-compile"""

_FISH = r"""complete -c infopt-compile -f -a '(
  set -l typed (commandline -opc) (commandline -ct)
  infopt-compile __complete $typed[2..-1] 2>/dev/null
)'"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def run(command: Command) -> int:
    say(SCRIPTS[command.words[0]])
    return 0


def complete(words: Sequence[str]) -> int:
    """Print what the last of `words` may become, one candidate a line; nothing where nothing is known."""
    *before, current = words or [""]
    for candidate in sorted(set(candidates(before, current))):
        say(candidate)
    return 0


def candidates(before: Sequence[str], current: str) -> Iterator[str]:
    found: Iterable[str]
    verb, given = _verb_of(before)
    flag = _open_flag(verb, before)
    if flag is not None:
        found = flag.choices or _paths(current, "")
    elif current.startswith("-"):
        found = [name for flag in (*verb.flags, *COMMON) for name in (flag.name, flag.short) if name]
    elif not given and not before:
        found = [*VERBS, *_paths(current, ".opt")]
    else:
        found = _words(verb, given, current)
    return (word for word in found if word.startswith(current))


def _verb_of(before: Sequence[str]) -> tuple[Verb, list[str]]:
    """The verb so far, and the words behind it that are no options."""
    words = [word for word in before if not word.startswith("-")]
    if words and words[0] in VERBS:
        return VERBS[words[0]], words[1:]
    return VERBS["build"], words


def _open_flag(verb: Verb, before: Sequence[str]) -> Flag | None:
    """The option that waits for its value."""
    last = before[-1] if before else ""
    return next((flag for flag in verb.flags if flag.value and last in (flag.name, flag.short)), None)


def _words(verb: Verb, given: Sequence[str], current: str) -> Iterable[str]:
    if verb.takes is Takes.recipe:
        recipe = next((word for word in given if word.endswith(".opt")), None)
        return _paths(current, ".opt") if recipe is None else _overrides(recipe, current)
    if verb.takes is Takes.history:
        return _bounds(given[0]) if given else _paths(current, ".opt")
    if verb.takes is Takes.two_reports:
        return _paths(current, "report.json") if len(given) < 2 else []
    if verb.takes is Takes.files:
        return _paths(current, ".opt")
    if given:
        return []
    if verb.takes is Takes.code:
        from infopt_compiler.diagnostics import CODES

        return CODES
    if verb.takes is Takes.pass_name:
        from infopt_compiler.passes.registry import pass_names

        return pass_names()
    folders = (Takes.folder, Takes.folders, Takes.prompts)
    return _paths(current, "/") if verb.takes in folders else list(verb.takes.choices)


def _paths(current: str, ending: str) -> Iterator[str]:
    """Folders, and files with that ending, that `current` may become."""
    shown = current[: current.rfind("/") + 1]
    folder = Path(shown or ".")
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith("."):
            yield f"{shown}{path.name}/"
        elif path.name.endswith(ending):
            yield f"{shown}{path.name}"


def _overrides(recipe: str, current: str) -> Iterator[str]:
    """`q.bits=` and so on; behind the `=` the values that are known."""
    program = _program(recipe)
    if program is None:
        return
    path, equals, _ = current.partition("=")
    for name, values in _paths_of(program):
        if not equals:
            yield f"{name}="
        elif name == path:
            yield from (f"{name}={value}" for value in values)


def _bounds(recipe: str) -> Iterator[str]:
    """What a recipe's budgets bound."""
    program = _program(recipe)
    if program is not None:
        yield from (bound.name for budget in program.budgets.values() for bound in budget.bounds)


def _program(recipe: str) -> Program | None:
    from infopt_compiler.cli.recipe import read_recipe
    from infopt_compiler.diagnostics import DiagnosticError
    from infopt_compiler.pipeline import front

    try:
        return front(read_recipe(recipe))[0]
    except DiagnosticError:
        return None


def _paths_of(program: Program) -> Iterator[tuple[str, list[str]]]:
    """(path, known values) of everything that may be overridden."""
    from infopt_compiler.config.groups import GROUPS, group_fields, options
    from infopt_compiler.passes.registry import find_pass

    for group in GROUPS:
        yield group, list(options(group))
        yield from ((f"{group}.{name}", []) for name in group_fields(group))
    for node in program.nodes.values():
        pass_class = find_pass(node.pass_name)
        yield from ((f"{node.name}.{argument}", []) for argument in pass_class.inputs)
        yield from ((f"{node.name}.{name}", values) for name, values in _parameters(pass_class))
    yield from ((f"{name}.source", []) for name in program.models)
    for name, data in program.data.items():
        keys = ("sample", "seed") if data.is_task else ("window", "sample", "seed")
        yield from ((f"{name}.{key}", []) for key in keys)
    for name in program.scenarios:
        yield from ((f"scenario.{name}.{key}", []) for key in ("prompt", "generate", "batch"))
    for budget in program.budgets.values():
        yield from ((f"budget.{budget.name}.{bound.name}", []) for bound in budget.bounds)


def _parameters(pass_class: Any) -> Iterator[tuple[str, list[str]]]:
    from infopt_compiler.config.structured import field_types, pass_fields

    for name, spec in pass_fields(pass_class).items():
        kind = field_types(pass_class)[name]
        values = [str(choice) for choice in spec.metadata.get("choices") or ()]
        if kind is bool:
            values = ["true", "false"]
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            values = [str(member.value) for member in kind]
        yield name, values
