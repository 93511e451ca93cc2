"""Splits the command line into verb, recipe, own options and overrides, before anything of Hydra is imported."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from infopt_compiler.cli.verbs import COMMON, REFUSED_FLAGS, VERBS, Flag, Takes, Verb
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Input, Span, did_you_mean, error


@dataclass(frozen=True)
class Command:
    """`words` are what stands besides the verb and its options: a recipe first where the verb takes one."""

    verb: Verb
    words: tuple[str, ...]
    options: dict[str, str | bool] = field(default_factory=dict)

    def texts(self, key: str) -> tuple[str, ...]:
        """The values of an option that may be given several times."""
        return tuple(filter(None, (self.text(key) or "").split(",")))

    def on(self, key: str) -> bool:
        return bool(self.options.get(key))

    def text(self, key: str) -> str | None:
        value = self.options.get(key)
        return value if isinstance(value, str) else None


def split(argv: Sequence[str]) -> Command:
    """The command that `argv` (without the program's name) gives. DiagnosticError with all that is wrong with it."""
    verb, rest = _find_verb(list(argv))
    flags = {name: flag for flag in (*verb.flags, *COMMON) for name in (flag.name, flag.short) if name}
    words: list[str] = []
    options: dict[str, str | bool] = {}
    wrong: list[Diagnostic] = []
    pieces = deque(rest)
    while pieces:
        word = pieces.popleft()
        if word == "--":
            words += pieces
            break
        if not _is_flag(word):
            words.append(word)
        else:
            wrong += _read_flag(word, pieces, flags, verb, options)
    if not options.get("help"):
        wrong += [*_exclusive(options), *_check_words(verb, words), *_interpolations(argv)]
    if wrong:
        raise DiagnosticError(*wrong)
    return Command(verb, tuple(words), options)


def at(word: str, start: int = 0) -> Span:
    """A place in a word of the command line."""
    return Span(Input("command line", word), start, len(word))


def _is_flag(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _find_verb(argv: list[str]) -> tuple[Verb, list[str]]:
    """The verb and the other words; a recipe as first word means `build`."""
    index = _first_word(argv)
    if index is None:
        return VERBS["build"], argv
    word = argv[index]
    if word in VERBS:
        return VERBS[word], argv[:index] + argv[index + 1 :]
    if word.endswith(".opt"):
        return VERBS["build"], argv
    raise DiagnosticError(_no_verb(word))


def _first_word(argv: list[str]) -> int | None:
    """Index of the first word that is no option and no option's value."""
    valued = {
        n for v in VERBS.values() for f in v.flags if f.value and not f.default for n in (f.name, f.short)
    }
    skip = False
    for index, word in enumerate(argv):
        if skip:
            skip = False
        elif not _is_flag(word) and not (index and argv[index - 1] in ("-i", "--info") and word in _INFO):
            return index
        else:
            skip = word in valued
    return None


_MANY = (Takes.files, Takes.folders, Takes.prompts)  # more than one word
_INFO = next(flag.choices for flag in VERBS["build"].flags if flag.name == "--info")


def _no_verb(word: str) -> Diagnostic:
    if "=" in word or word[0] in "+~":
        return error(
            "E0501", f"no recipe before `{word}`", at(word), help="infopt-compile RECIPE.opt OVERRIDE..."
        )
    if Path(f"{word}.opt").is_file():
        return error("E0501", f"`{word}` is no verb", at(word), help=f"did you mean `{word}.opt`?")
    if Path(word).exists():
        return error(
            "E0501",
            f"`{word}` is no verb and no recipe",
            at(word),
            help="the name of a recipe ends in `.opt`",
        )
    return error("E0501", f"`{word}` is no verb and no recipe", at(word), help=did_you_mean(word, VERBS))


def _read_flag(
    word: str, rest: deque[str], flags: dict[str, Flag], verb: Verb, options: dict[str, str | bool]
) -> list[Diagnostic]:
    """Read an option and its value into `options`."""
    name, equals, given = word.partition("=")
    flag = flags.get(name)
    if flag is None:
        if name in REFUSED_FLAGS and not equals and rest and not _is_override_or_recipe(rest[0]):
            rest.popleft()  # its value
        return [_no_flag(name, word, flags, verb)]
    if flag.value is None:
        options[flag.key] = True
        return [error("E0502", f"`{name}` takes no value", at(word, len(name)))] if equals else []
    value = given if equals else _next_value(flag, rest)
    if value is None:
        return [error("E0502", f"`{name}` wants a value: {flag.value}", at(word), help=_known(flag))]
    if flag.choices and value not in flag.choices:
        return [
            error(
                "E0502",
                f"`{name}` does not take `{value}`",
                at(value),
                help=did_you_mean(value, flag.choices),
            )
        ]
    before = options.get(flag.key) if flag.several else None
    options[flag.key] = f"{before},{value}" if before else value
    return []


def _is_override_or_recipe(word: str) -> bool:
    return _is_flag(word) or "=" in word or word[0] in "+~" or word.endswith(".opt")


def _next_value(flag: Flag, rest: deque[str]) -> str | None:
    """The next word; an option with a default takes it only where it is one of the choices."""
    if flag.default and (not rest or rest[0] not in flag.choices):
        return flag.default
    return rest.popleft() if rest else None


def _known(flag: Flag) -> str | None:
    return "one of " + ", ".join(f"`{choice}`" for choice in flag.choices) if flag.choices else flag.help


def _no_flag(name: str, word: str, flags: dict[str, Flag], verb: Verb) -> Diagnostic:
    if name in REFUSED_FLAGS:
        return error("E0506", f"`{name}` is not taken", at(word), help=REFUSED_FLAGS[name])
    long = [known for known in flags if known.startswith("--")]
    if "." in name:
        written = word.lstrip("-")
        help = f"overrides have no dashes: `{written if '=' in written else f'{written}=VALUE'}`"
        return error("E0502", f"`{verb.name}` has no option `{name}`", at(word), help=help)
    return error("E0502", f"`{verb.name}` has no option `{name}`", at(word), help=did_you_mean(name, long))


def _exclusive(options: dict[str, str | bool]) -> Iterator[Diagnostic]:
    """`-m`, `--cfg` and `--info` exclude each other; `--resolve` and `--package` belong to `--cfg`."""
    instead = [f"--{key}" for key in ("multirun", "cfg", "info") if key in options]
    if len(instead) > 1:
        yield error(
            "E0503", " and ".join(f"`{name}`" for name in instead) + " exclude each other", help="drop one"
        )
    for key in ("resolve", "package"):
        if key in options and "cfg" not in options:
            yield error("E0503", f"`--{key}` needs `--cfg`", help="write for example `--cfg job --resolve`")


def _check_words(verb: Verb, words: list[str]) -> Iterator[Diagnostic]:
    usage = f"infopt-compile {verb.name} {verb.takes.value}"
    optional = verb.takes is Takes.pass_name
    if not words and not optional:
        yield error("E0509", f"`{verb.name}` wants {verb.takes.value}", help=usage)
    elif verb.takes is Takes.recipe:
        yield from _check_recipe_words(words)
    elif verb.takes is Takes.history:
        yield from _check_recipe_words(words[:1])
    elif verb.takes in (Takes.two_reports, Takes.folders):
        yield from _check_two(verb, words, usage)
    elif verb.takes is Takes.prompts and len(words) < 2:
        yield error("E0509", f"`{verb.name}` wants {verb.takes.value}", help=usage)
    elif verb.takes is Takes.action:
        yield from _check_action(verb, words, usage)
    elif verb.takes not in _MANY and len(words) > 1:
        yield error("E0509", f"`{verb.name}` takes one word, not also `{words[1]}`", at(words[1]), help=usage)
    elif verb.takes is Takes.shell:
        yield from _check_choice(verb, words[0])


def _check_choice(verb: Verb, word: str) -> Iterator[Diagnostic]:
    """The first word is one of those that the verb names."""
    if word not in verb.takes.choices:
        told = f"`{verb.name}` does not take `{word}`"
        yield error("E0509", told, at(word), help=did_you_mean(word, verb.takes.choices))


def _check_action(verb: Verb, words: list[str], usage: str) -> Iterator[Diagnostic]:
    """Only `rm` takes entries, and it takes at least one."""
    action, *entries = words
    yield from _check_choice(verb, action)
    if action == "rm" and not entries:
        yield error("E0509", "`cache rm` wants an entry", at(action), help="`cache ls` lists them")
    if action != "rm" and entries:
        yield error(
            "E0509", f"`{verb.name}` takes one word, not also `{entries[0]}`", at(entries[0]), help=usage
        )


def _check_two(verb: Verb, words: list[str], usage: str) -> Iterator[Diagnostic]:
    if len(words) < 2:
        what = "a second report" if verb.takes is Takes.two_reports else "a second folder"
        yield error("E0509", f"`{verb.name}` wants {what}", at(words[0]), help=usage)
    for word in words[2:]:
        yield error("E0509", f"`{verb.name}` takes two words, not also `{word}`", at(word), help=usage)


def _check_recipe_words(words: list[str]) -> Iterator[Diagnostic]:
    recipe, *overrides = words
    if not recipe.endswith(".opt"):
        yield error(
            "E0509", f"`{recipe}` is no recipe", at(recipe), help="the name of a recipe ends in `.opt`"
        )
    for run in _runs(overrides):
        word = run[0]
        if len(run) > 1:
            yield _one_word(run)
        elif word.endswith(".opt") and "=" not in word:
            yield error("E0509", "one recipe at a time", at(word))
        elif "=" not in word and not word.startswith("~"):
            meant = word.lstrip("+").replace(":=", "=").replace(":", "=")
            help = f"write `{meant if '=' in meant else f'{meant}=VALUE'}`"
            yield error("E0509", f"`{word}` is no override", at(word), help=help)


def _runs(words: Sequence[str]) -> list[list[str]]:
    """The words by override; more than one where the shell took it apart at its spaces."""
    runs: list[list[str]] = []
    for word, following in pairwise([*words, ""]):
        begins = following.startswith("=") and _PATH.fullmatch(word)
        if runs and not begins and _goes_on(" ".join(runs[-1]), word):
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _goes_on(before: str, word: str) -> bool:
    """`4, 8`, `target = cpu`, `size=300 MB`, `q.bits 8`: the word belongs to the override before it."""
    if word.startswith("="):
        return "=" not in before and not before.endswith(".opt")
    if "=" in word or word[:1] in ("~", "+") or word.endswith(".opt"):
        return False
    return "=" in before or bool(_PATH.fullmatch(before))


_PATH = re.compile(r"\w+(?:\.\w+)+|target|measure|engine")


def _one_word(run: list[str]) -> Diagnostic:
    written = " ".join(run)
    path, _, value = (written if "=" in written else f"{run[0]}={' '.join(run[1:])}").partition("=")
    meant = path.strip() + "=" + re.sub(r"\s*,\s*", ",", value.strip())
    message = f"an override is one word of the shell, this is {len(run)}: `{written}`"
    help = f"write `'{meant}'`" if " " in meant else f"write `{meant}`"
    return error("E0509", message, at(run[0]), help=help)


def _interpolations(argv: Sequence[str]) -> Iterator[Diagnostic]:
    for word in argv:
        for mark in ("${", "???"):
            if mark in word:
                start = word.index(mark)
                span = Span(Input("command line", word), start, start + len(mark))
                yield error("E0504", f"`{mark}` is refused", span, help="write the value itself")
