"""E079x: what packages add by entry points, and what passes promise."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

PLUGINS: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0790",
        "a plug-in that cannot be imported",
        "A package registers a pass, an artifact kind, a runtime, a method or an architecture by an entry point, and importing it "
        "failed; the message has the package and the reason. Repair or uninstall the package: everything that does "
        "not use it works. `infopt-compile passes` lists all such plug-ins.",
    ),
    CodeInfo(
        "E0791",
        "two plug-ins of one name",
        "Two packages register the same name, or one registers a name that is built in. Which one a recipe means cannot be "
        "told, so neither is taken; the message names both. Uninstall one, or let one take another name.",
    ),
    CodeInfo(
        "E0792",
        "a plug-in that is not what its entry point says",
        "The object that an entry point names is none of its group, or calls itself something else than the entry point does. The name of "
        "the entry point and the name in the class (`name`, of an artifact kind `kind`) are one name.",
    ),
    CodeInfo(
        "E0793",
        "a plug-in that breaks its contract",
        "Of a pass the version, the kinds of its artifacts and the types of its parameters are read from its class: one is missing, "
        "or is none that the language can spell; an artifact kind has layouts. The message says which. "
        "docs/writing-a-pass.md has the contract.",
    ),
    CodeInfo(
        "E0794",
        "a pass that made another model than it promised",
        "What `plan` and `check` say of a model comes from `transform` and `settle` of the passes before it. The model that the "
        "pass wrote differs in the field that the message names, so nothing of it is kept. This is a fault of the pass.",
    ),
    CodeInfo(
        "E0795",
        "a pass whose result is not of its kind",
        "An artifact kind says which files its folders have, and the folder that the pass wrote has none of these layouts, "
        "so nothing could open it, and nothing of it is kept. This is a fault of the pass.",
    ),
)
