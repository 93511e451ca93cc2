"""`--help`, made from the table of verbs."""

from __future__ import annotations

from infopt_compiler.cli.verbs import COMMON, VERBS, Flag, Takes, Verb

_WIDTH = 24  # of the column of options
_EXITS = "exit: 0 every bound met · 1 wrong recipe or failed pass · 2 wrong usage · 3 a bound missed · 4 inconclusive or predicted"

_OVERRIDES = """overrides use the recipe's own syntax:
  q.bits=8                        a parameter of the binding q
  budget.chat.ttft.p95='300 ms'   the limit of a bound; ~budget.chat.size drops one
  target=h100                     another option of a group (target, measure, engine)
  measure.confidence=0.99         a field of the chosen option
  -m q.bits=4,8                   a sweep; hydra/launcher=ray runs its jobs in parallel"""


def general_help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb.name:<{width}}  {verb.summary}" for verb in VERBS.values())
    return f"""usage: infopt-compile RECIPE.opt [OVERRIDE...] [OPTION...]
       infopt-compile VERB ... [OPTION...]

Compiles a recipe into an optimized model and proves that it meets its budget.

verbs:
{verbs}

{_options(COMMON)}
  --version               show the version

{_OVERRIDES}

example: {VERBS["build"].example}
`infopt-compile VERB --help` says more of each verb.
{_EXITS}"""


def verb_help(verb: Verb) -> str:
    parts = [
        f"usage: infopt-compile {verb.name} {verb.takes.value} [OPTION...]",
        f"{verb.summary[0].upper()}{verb.summary[1:]}.",
        _options((*verb.flags, *COMMON)),
    ]
    if verb.takes is Takes.recipe:
        parts.append(_OVERRIDES)
    parts.append(f"example: {verb.example}")
    if verb.name in ("build", "plan"):
        parts.append(_EXITS)
    return "\n\n".join(parts)


def _options(flags: tuple[Flag, ...]) -> str:
    return "options:\n" + "\n".join(_option(flag) for flag in flags)


def _option(flag: Flag) -> str:
    """The option and its help; on two lines where the option is long."""
    head = _head(flag)
    gap = f"\n{'':<{_WIDTH + 2}}" if len(head) > _WIDTH - 2 else " " * (_WIDTH - len(head))
    return f"  {head}{gap}{flag.help}"


def _head(flag: Flag) -> str:
    value = f" {'|'.join(flag.choices) or flag.value}" if flag.value else ""
    return ", ".join(name for name in (flag.short, flag.name) if name) + value
