"""E05xx command line, overrides and configuration. E0500 to E0549 are wrong usage (exit 2), E0550 and up wrong content (exit 1)."""

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
        "E0510",
        "no such code",
        "`infopt-compile explain` knows the codes of all diagnostics, such as `E0501`.",
    ),
    CodeInfo(
        "E0511",
        "no such pass",
        "`infopt-compile passes` lists the passes, those of installed packages too.",
    ),
    CodeInfo(
        "E0550",
        "recipe that cannot be read",
        "A recipe is a text file in UTF-8 whose name ends in `.opt`.",
    ),
    CodeInfo(
        "E0551",
        "no such option of a group",
        "`target`, `measure` and `engine` are groups: a recipe or an override names one of their options, such as `target=h100`.",
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
        "`infopt-compile report DIR` shows a run's folder, which holds `report.json`; `outputs/<recipe>/latest` is the newest.",
    ),
)
