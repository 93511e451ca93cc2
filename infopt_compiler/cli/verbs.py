"""The table of verbs and their options: the parser, `--help` and shell completion all come from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Takes(Enum):
    """What words a verb takes besides options."""

    recipe = "RECIPE [OVERRIDE...]"
    files = "FILE..."
    code = "CODE"
    pass_name = "[NAME]"
    action = "ls|rm|gc|verify [ENTRY...]"
    folder = "DIR"
    history = "RECIPE [BOUND...]"
    two_reports = "A B"
    folders = "DIR OUT"
    prompts = "DIR PROMPT..."
    shell = "bash|zsh|fish"

    @property
    def choices(self) -> tuple[str, ...]:
        """What the first word may be, where the verb names them."""
        return tuple(self.value.partition(" ")[0].split("|")) if "|" in self.value else ()


@dataclass(frozen=True)
class Flag:
    """An option. `value` names its value (None: it is a switch); `choices` are the values it takes; `several`: it may be
    given more than once, or its values with commas between them."""

    name: str
    help: str
    short: str | None = None
    value: str | None = None
    choices: tuple[str, ...] = ()
    default: str | None = None  # the value when the option stands alone
    several: bool = False

    @property
    def key(self) -> str:
        return self.name.removeprefix("--").replace("-", "_")


@dataclass(frozen=True)
class Verb:
    name: str
    summary: str
    takes: Takes
    example: str
    flags: tuple[Flag, ...] = ()


COMMON = (
    Flag("--help", "show this help", "-h"),
    Flag("--no-color", "no colours (as does the variable NO_COLOR)"),
    Flag("--traceback", "show the traceback behind an error"),
)
_JSON = Flag("--json", "print JSON")
_FORMAT = Flag(
    "--format",
    "how mistakes and bounds are told: github: annotations of a workflow",
    value="FORMAT",
    choices=("text", "github"),
)
_LOCKED = Flag("--locked", "build exactly what `<recipe>.lock` says, or say what differs")
_OUTPUTS = Flag("--outputs", "folder that runs are written below (default: outputs)", value="DIR")
_CACHE = Flag(
    "--cache", "folder of the store (default: $INFOPT_CACHE or ~/.cache/infopt-compiler)", value="DIR"
)

_AGAIN = (
    Flag(
        "--rebuild",
        "make this binding again, whatever the store has; may be given several times",
        value="BINDING",
        several=True,
    ),
    Flag("--remeasure", "measure again what was measured before, in passes too (tune, select)"),
)

_MULTIRUN = Flag("--multirun", "a sweep: one job per combination of values, such as q.bits=4,8", "-m")

BUILD_FLAGS = (
    _MULTIRUN,
    _OUTPUTS,
    Flag("--predict-only", "judge predictions instead of measuring"),
    Flag("--force", "build although arithmetic rules a bound out"),
    *_AGAIN,
    _LOCKED,
    _CACHE,
    _FORMAT,
    Flag("--quiet", "print the verdict only", "-q"),
    Flag("--verbose", "print details", "-v"),
    Flag(
        "--cfg", "print the composed configuration instead of building", "-c", "PART", ("job", "hydra", "all")
    ),
    Flag("--resolve", "with --cfg: resolve interpolations"),
    Flag("--package", "with --cfg: only this part, such as q", "-p", "PACKAGE"),
    Flag(
        "--info",
        "print what Hydra knows instead of building",
        "-i",
        "WHAT",
        ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
        default="all",
    ),
)

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            "build",
            "compile a recipe to a verdict (the verb may be left out)",
            Takes.recipe,
            "infopt-compile recipes/smollm2-chat.opt q.bits=8 target=h100",
            BUILD_FLAGS,
        ),
        Verb(
            "check",
            "report every mistake of a recipe; runs nothing",
            Takes.recipe,
            "infopt-compile check recipes/smollm2-chat.opt -m q.bits=4,8",
            (_JSON, _FORMAT, _MULTIRUN),
        ),
        Verb(
            "plan",
            "what a build would do: cached or to run, time, memory, bounds out of reach",
            Takes.recipe,
            "infopt-compile plan recipes/smollm2-chat.opt target=h100",
            (
                _JSON,
                _MULTIRUN,
                *_AGAIN,
                _LOCKED,
                _CACHE,
                _OUTPUTS,
                Flag("--predict-only", "judge predictions: exit 0 or 3"),
            ),
        ),
        Verb(
            "fmt",
            "rewrite recipes as canonical text, in place; `-` reads stdin and writes stdout",
            Takes.files,
            "infopt-compile fmt --check recipes/*.opt",
            (Flag("--check", "change nothing; exit 1 if a file would change"),),
        ),
        Verb(
            "explain",
            "what the code of a diagnostic means and how to repair it",
            Takes.code,
            "infopt-compile explain E0505",
        ),
        Verb(
            "passes",
            "the passes, or the parameters of one",
            Takes.pass_name,
            "infopt-compile passes quantize",
            (_JSON,),
        ),
        Verb(
            "lock",
            "write `<recipe>.lock`: sources, data, versions, seeds, parameters",
            Takes.recipe,
            "infopt-compile lock recipes/smollm2-chat.opt",
            (_CACHE,),
        ),
        Verb(
            "cache",
            "list, clean or verify the store; `rm` removes an entry, so that its step is done again",
            Takes.action,
            "infopt-compile cache rm smollm2-chat/q",
            (
                _JSON,
                _CACHE,
                Flag("--all", "rm: every entry that a name stands for"),
                Flag("--max-age", "gc: remove what was not used for so long (default: 720 h)", value="TIME"),
                Flag("--max-size", "gc: then remove the longest unused beyond this size", value="SIZE"),
            ),
        ),
        Verb(
            "report",
            "show the report of a run",
            Takes.folder,
            "infopt-compile report outputs/smollm2-chat/latest",
            (_JSON,),
        ),
        Verb(
            "history",
            "the values of a recipe's bounds over builds and commits",
            Takes.history,
            "infopt-compile history recipes/smollm2-chat.opt tpot.p50",
            (
                _JSON,
                _OUTPUTS,
                Flag("--limit", "the newest builds only, so many (default: 20)", value="N"),
            ),
        ),
        Verb(
            "diff",
            "what differs between two builds: run folders or report.json files",
            Takes.two_reports,
            "infopt-compile diff outputs/smollm2-chat/2026-11-23_06-37-25 outputs/smollm2-chat/latest",
            (_JSON, Flag("--markdown", "print Markdown, for a comment on a pull request")),
        ),
        Verb(
            "generate",
            "run a sharded model on this machine, a process for each rank; several prompts are one batch",
            Takes.prompts,
            'infopt-compile generate outputs/smollm2-tp3/latest/artifact "What is the capital of France?"',
            (
                _JSON,
                Flag("--tokens", "most tokens for each prompt (default: 64)", value="COUNT"),
                Flag("--raw", "take prompts as they are, without the chat template"),
                Flag("--port", "port at which the ranks meet (default: a free one)", value="PORT"),
                Flag("--timeout", "how long a rank waits for another (default: 5 min)", value="TIME"),
                Flag(
                    "--logs",
                    "folder of the ranks' logs (default: a temporary one, kept on failure)",
                    value="DIR",
                ),
            ),
        ),
        Verb(
            "merge",
            "write the whole model back from its shards, for transformers",
            Takes.folders,
            "infopt-compile merge outputs/smollm2-tp3/latest/artifact smollm2",
        ),
        Verb(
            "completion",
            "print the completion script of a shell",
            Takes.shell,
            'eval "$(infopt-compile completion bash)"',
        ),
    )
}

# Options of Hydra that would replace the recipe or load a pickle, and what to do instead.
REFUSED_FLAGS: dict[str, str] = {
    "--config-name": "the recipe is the configuration: name its file",
    "-cn": "the recipe is the configuration: name its file",
    "--config-path": "the recipe is the configuration: name its file",
    "-cp": "the recipe is the configuration: name its file",
    "--config-dir": "groups come with the compiler; set single fields, such as `target.memory='8 GiB'`",
    "-cd": "groups come with the compiler; set single fields, such as `target.memory='8 GiB'`",
    "--experimental-rerun": "run the recipe again: what is cached is reused",
    "--shell-completion": "use `infopt-compile completion bash`",
    "-sc": "use `infopt-compile completion bash`",
    "--hydra-help": "use `infopt-compile --help`",
    "--run": "a build runs unless told otherwise",
    "-r": "a build runs unless told otherwise",
}
