"""E05xx command line, overrides and configuration.

Wrong usage of the command line (exit 2): E0501 to E0509, E0521 to E0549, E0552, E0553, and what is wrong with the form, name or
value of an override, with the language's codes too. Wrong content (exit 1): the others.
"""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

USAGE: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0501",
        "no such verb",
        "The first word is a verb (build, check, plan, ...) or the path of a recipe, which ends in `.opt`. "
        "`infopt-compile --help` lists the verbs.",
    ),
    CodeInfo(
        "E0502",
        "no such option",
        "The verb has no option of that name, or the option's value is missing or not one that it takes. "
        "`infopt-compile VERB --help` lists the options.",
    ),
    CodeInfo(
        "E0503",
        "options that exclude each other",
        "`--multirun`, `--cfg` and `--info` each say what to do instead of one build, so only one of them can stand; "
        "`--resolve` and `--package` belong to `--cfg`.",
    ),
    CodeInfo(
        "E0504",
        "interpolation",
        "`${...}` would let a recipe or an override read the environment or other values when the configuration is "
        "resolved. It is refused everywhere, as is `???`, the configuration's word for a missing value.",
    ),
    CodeInfo(
        "E0505",
        "key of Hydra that may not be set",
        "Of Hydra's own keys only the launcher, the sweeper and their plain options may be set. Others, such as "
        "callbacks with a `_target_`, would run code, and the run directory belongs to `--outputs`.",
    ),
    CodeInfo(
        "E0506",
        "option of Hydra that is not taken",
        "`--config-name`, `--config-path`, `--config-dir` would replace the recipe, `--experimental-rerun` loads a pickle "
        "(which can run code), and completion is `infopt-compile completion`.",
    ),
    CodeInfo(
        "E0507",
        "launcher or sweeper that is not there",
        "Launchers and sweepers are plugins of Hydra. The message names what to install.",
    ),
    CodeInfo(
        "E0508",
        "several values without a sweep",
        "`q.bits=4,8` gives two values, which only a sweep can try: add `-m`. A single text with a comma is quoted.",
    ),
    CodeInfo(
        "E0509",
        "words that the verb does not take",
        "After a recipe come overrides, such as `q.bits=8`; other verbs take what their `--help` says.",
    ),
    CodeInfo(
        "E0521",
        "no such code",
        "`infopt-compile explain` knows the codes of all diagnostics, such as `E0501`.",
    ),
    CodeInfo(
        "E0522",
        "no such pass",
        "`infopt-compile passes` lists the passes, those of installed packages too.",
    ),
    CodeInfo(
        "E0523",
        "sweep of too many jobs",
        "A sweep builds every combination of its values, and checks each before the first one runs, so it has at most 256 jobs. "
        "`range(0,1000000000)` is more likely a slip than meant.",
    ),
    CodeInfo(
        "E0524",
        "interval that the sweeper cannot try",
        "`q.damp=interval(0,1)` names the ends between which a sweeper chooses. Hydra's own (`basic`) tries listed values only; "
        "`hydra/sweeper=optuna` chooses by what it saw, and minimizes how near the worst bound is to its limit.",
    ),
    CodeInfo(
        "E0550",
        "recipe that cannot be read",
        "A recipe is a text file in UTF-8 whose name ends in `.opt`.",
    ),
    CodeInfo(
        "E0551",
        "recipe that cannot be written",
        "`fmt` writes beside the recipe and renames, so it needs the right to write in the recipe's folder.",
    ),
    CodeInfo(
        "E0552",
        "no such field of a group",
        "`target.memory=8 GiB` sets a field of the chosen option. What the command line sets through an option of its own "
        "(`--predict-only`, `--locked`) is no such field.",
    ),
    CodeInfo(
        "E0553",
        "value that a group's field does not take",
        "Fields of groups are numbers, quantities with a unit, truth values or texts; the message says which.",
    ),
    CodeInfo(
        "E0554",
        "configuration that Hydra refuses",
        "The overrides passed our own check, but the configuration could not be composed or the launcher could not start; "
        "the message is Hydra's.",
    ),
    CodeInfo(
        "E0555",
        "no folder for the run",
        "Every build gets a folder of its own, `outputs/<recipe>/<time>/`, below the current folder or below `--outputs DIR`.",
    ),
    CodeInfo(
        "E0556",
        "job without a report",
        "A job of a build ended without writing `report.json`: it was killed, or its launcher lost it. It counts as failed.",
    ),
    CodeInfo(
        "E0557",
        "no report there",
        "`infopt-compile report DIR` and `diff A B` read a run's folder, which holds `report.json`; `outputs/<recipe>/latest` is "
        "the newest. Of a sweep name one job: `outputs/<recipe>/<time>/0`.",
    ),
    CodeInfo(
        "E0558",
        "internal error",
        "The compiler itself failed, not the recipe. The log that is named has the traceback: please report it.",
    ),
    CodeInfo(
        "E0559",
        "store in use",
        "`cache gc` removes nothing while a build uses the store: an artifact that it took away could be one that the build reads.",
    ),
    CodeInfo(
        "E0560",
        "override that cannot be read",
        "An override is `path=value`, with `+` or `++` in front if you like, or `~path` to remove a setting. The path is the "
        "one of the recipe: `q.bits=8`, `scenario.chat.prompt=256`, `budget.chat.ttft.p95=300ms`.",
    ),
    CodeInfo(
        "E0561",
        "sweep that cannot be read",
        "Several values are `q.bits=4,8`, `q.bits=choice(4,8)`, `q.trials=range(2,9)` or `q.gain=interval(0,1)`.",
    ),
    CodeInfo(
        "E0562",
        "override of a whole",
        "Overrides set parameters, settings and limits. A whole binding, scenario or budget is neither replaced nor removed, "
        "since what uses it would mean something else; `let` values are replaced as a whole.",
    ),
    CodeInfo(
        "E0563",
        "override of what is not there",
        "The recipe binds no such name. Paths begin with a binding, `scenario.NAME`, `budget.NAME`, `target`, `measure` or `engine`.",
    ),
    CodeInfo(
        "E0564",
        "override of no bound",
        "The limit of a bound is replaced by the metric's name, `budget.chat.ttft.p95=300ms`. The budget must have one bound "
        "on it: a new one would have no operator, and of several it must be clear which is meant.",
    ),
    CodeInfo(
        "E0565",
        "nothing to remove",
        "`~` removes a bound, or a parameter that the recipe sets; defaults are set and not removed.",
    ),
    CodeInfo(
        "E0566",
        "nothing of that in the history",
        "`infopt-compile history` reads `outputs/history.sqlite`, to which every build is appended. It holds no build of this "
        "recipe, or no build of it measured such a value. Builds elsewhere: `--outputs DIR`.",
    ),
    CodeInfo(
        "E0567",
        "no such entry of the store",
        "`cache rm` takes the beginning of an entry's key as `cache ls` prints it (four digits at least), the name of a binding, or "
        "`RECIPE/BINDING`.",
    ),
    CodeInfo(
        "E0568",
        "several entries of the store",
        "The name or the digits stand for more than one entry: of several recipes, or of one binding with several parameters. They "
        "are listed; name one by its key, or remove all with `--all`.",
    ),
)
