"""What a pass says of a family of models that it cannot work on."""

from __future__ import annotations

from infopt_compiler.architectures import Ability, able
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Problem


def refusal(model: ModelSpec, ability: Ability, verb: str, parameter: str) -> Problem | None:
    """The problem of a model whose family's description refuses this; its reason, or the families that do not."""
    if model.family.can(ability):
        return None
    message = f"cannot {verb} a `{model.model_type}` model"
    why = model.family.why_not(ability)
    known = ", ".join(one.name for one in able(ability))
    return Problem(f"{message}: {why}" if why else message, parameter, f"known are: {known}")
