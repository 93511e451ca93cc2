"""E02xx: names of a recipe."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

NAMES: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0201",
        "unknown name",
        "Nothing of that name is bound in the recipe. The help names the nearest one that is.",
    ),
    CodeInfo(
        "E0202",
        "name bound twice",
        "Bindings are single-assignment: models, data, scenarios, `let` values and results of passes share one set of names, "
        "and each is bound once. Give the second one a name of its own.",
    ),
    CodeInfo(
        "E0203",
        "unknown parameter",
        "The pass has no artifact argument and no parameter of that name. `infopt-compile passes NAME` lists them.",
    ),
    CodeInfo(
        "E0204",
        "reserved name",
        "Names that the configuration and overrides use (`hydra`, `defaults`, `target`, `measure`, `engine`, `budget`, `scenario`), "
        "the values `true`, `false` and `last`, and names with a leading underscore cannot be bound. Words that only begin "
        "statements (`model`, `data`, `let`, `search`, `use`) can.",
    ),
    CodeInfo(
        "E0205", "name used before it is bound", "A name is bound above its first use. Move the statement up."
    ),
    CodeInfo(
        "E0206", "name refers to itself", "A binding cannot be made of itself. Name what it is made of."
    ),
    CodeInfo(
        "E0207", "unknown pass", "`infopt-compile passes` lists the passes, those of installed packages too."
    ),
    CodeInfo(
        "E0208",
        "given twice",
        "An argument or setting is given once; by position and by name counts as twice.",
    ),
    CodeInfo(
        "E0209",
        "unknown setting",
        "Scenarios have `prompt`, `generate`, `batch`, `context`, `utilization`, `mode`, `rate`, `concurrency` and `prompts`; data have `window`, `sample`, `seed` "
        "and `field`.",
    ),
    CodeInfo(
        "E0210",
        "unused binding",
        "Nothing uses this name, and it does not ship. It would be fetched, run or measured for nothing, or a use of it is "
        "misspelled elsewhere. This is a warning.",
    ),
    CodeInfo(
        "E0211",
        "unknown option of a group",
        "`target`, `measure` and `engine` each choose one of a few options; the help names them.",
    ),
    CodeInfo(
        "E0212",
        "group chosen twice",
        "`target`, `measure` and `engine` stand once; the command line can replace them.",
    ),
    CodeInfo("E0213", "name of another kind", "The name is bound, but to something that cannot stand here."),
    CodeInfo(
        "E0214",
        "nothing to build",
        "A recipe names a model at least. An empty file is more likely a mistake than meant.",
    ),
    CodeInfo(
        "E0215",
        "name with a dash",
        "Names are letters, digits and `_`: `my_fast`, not `my-fast`. A recipe does no arithmetic, but paths of overrides, files and "
        "shells take names apart at other characters.",
    ),
    CodeInfo(
        "E0216",
        "older spelling of a parameter",
        "The parameter has another name now. Recipes and overrides with the older one mean the same and will be accepted for "
        "the time being; write the name that the help gives. This is a warning.",
    ),
)
