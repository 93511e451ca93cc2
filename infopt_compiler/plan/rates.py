"""The kernels that a plan's predictions need, timed on this machine where the target is this machine."""

from __future__ import annotations

from collections.abc import Mapping

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.metrics import Needs
from infopt_compiler.sema.program import Program
from infopt_compiler.targets import Rates, Target, find_target, kernels_of


def plan_rates(program: Program, specs: Mapping[str, ModelSpec | None], target: Target) -> Rates | None:
    """Times of the kernels of every model under a time bound; None for a machine that is not here, or is described
    otherwise than it was probed. DiagnosticError E0911 where timing fails."""
    from infopt_compiler.targets.rates import kernel_rates

    if target.name != "cpu" or not _is_probed(target):
        return None
    names = _timed(program)
    wanted = {kind for name in names if (spec := specs.get(name)) for kind in kernels_of(spec, target)}
    try:
        return kernel_rates(sorted(wanted))
    except (OSError, RuntimeError) as wrong:
        raise DiagnosticError(error("E0911", f"`target cpu` is this machine: {wrong}")) from wrong


def _is_probed(target: Target) -> bool:
    own = find_target("cpu")
    return (target.bandwidth, target.flops, target.cores) == (own.bandwidth, own.flops, own.cores)


def _timed(program: Program) -> set[str]:
    """Subjects of bounds on requests, and what they are relative to."""
    found = set()
    for budget in program.budgets.values():
        for bound in budget.bounds:
            if bound.definition.needs is Needs.scenario:
                found |= {budget.subject, bound.beside} - {None}
    return {name for name in found if name is not None}
