"""What a parameter or setting accepts, read from the dataclass that declares it. Nothing is said twice."""

from __future__ import annotations

import types
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from infopt_compiler.artifacts import Artifact, TextData
from infopt_compiler.passes.base import Pass
from infopt_compiler.scenario import Scenario, ScenarioMode
from infopt_compiler.units import Dimension


@dataclass(frozen=True)
class Slot:
    """One parameter. `item` is the type of a list's items; numbers of `dimension` may or must carry its unit; `auto`: so may
    the word `auto` stand for it."""

    name: str
    type: Any
    item: Any = None
    dimension: Dimension | None = None
    choices: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    requirement: bool = False
    required: bool = False
    auto: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it takes, of an enumeration or of a text that is chosen by name; () where it takes none."""
        if isinstance(self.type, type) and issubclass(self.type, Enum):
            return tuple(str(member.value) for member in self.type)
        return self.choices or () if self.type is str and self.dimension is None else ()


@dataclass(frozen=True)
class InputSlot:
    """One artifact argument: the kinds that it takes; a scenario where `scenario`."""

    name: str
    kinds: tuple[type[Artifact], ...]
    optional: bool = False
    variadic: bool = False
    scenario: bool = False

    @property
    def takes(self) -> str:
        return "a scenario" if self.scenario else " or ".join(kind.kind for kind in self.kinds)


@dataclass(frozen=True)
class Signature:
    """The arguments of a pass: artifacts in their order, and parameters."""

    inputs: dict[str, InputSlot]
    slots: dict[str, Slot]
    formerly: dict[str, str] = field(default_factory=dict)  # older spellings of parameters, and today's

    def current(self, name: str) -> str:
        """Today's spelling of an argument's name."""
        return self.formerly.get(name, name)

    @property
    def names(self) -> list[str]:
        return [*self.inputs, *self.slots]


def article(kind: str) -> str:
    """`an OnnxModel`, `a TextData`."""
    return f"an {kind}" if kind[0] in "AEHIO" else f"a {kind}"


def signature_of(cls: type[Pass]) -> Signature:
    hints = get_type_hints(cls)
    inputs = {name: _input(name, kind) for name, kind in cls.inputs.items()}
    slots = {f.name: _slot(f.name, hints[f.name], f.metadata, _required(f)) for f in fields(cls) if f.init}
    formerly = {old: f.name for f in fields(cls) for old in f.metadata.get("formerly", ())}
    return Signature(inputs, slots, formerly)


def _required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _slot(name: str, hint: Any, metadata: Any, required: bool) -> Slot:
    plain, _ = _without_none(hint)
    is_list = get_origin(plain) is list
    return Slot(
        name,
        list if is_list else plain,
        get_args(plain)[0] if is_list else None,
        metadata.get("dimension"),
        metadata.get("choices"),
        metadata.get("minimum"),
        metadata.get("maximum"),
        bool(metadata.get("requirement")),
        required,
        bool(metadata.get("auto")),
    )


def _input(name: str, hint: Any) -> InputSlot:
    plain, optional = _without_none(hint)
    variadic = get_origin(plain) is tuple
    if variadic:
        plain = get_args(plain)[0]
    members = get_args(plain) if _is_union(plain) else (plain,)
    if Scenario in members:
        return InputSlot(name, (), optional, variadic, scenario=True)
    return InputSlot(name, tuple(members), optional, variadic)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """(the type without None, whether None was allowed)."""
    if not _is_union(hint) or type(None) not in get_args(hint):
        return hint, False
    rest = [member for member in get_args(hint) if member is not type(None)]
    plain = rest[0]
    for member in rest[1:]:
        plain = plain | member
    return plain, True


SCENARIO_SLOTS: dict[str, Slot] = {
    slot.name: slot
    for slot in (
        Slot("prompt", int, dimension=Dimension.tokens, minimum=1, maximum=10**7),
        Slot("generate", int, dimension=Dimension.tokens, minimum=0, maximum=10**7),
        Slot("batch", int, minimum=1, maximum=10**5),
        Slot("context", int, dimension=Dimension.tokens, minimum=0, maximum=10**8),
        Slot("utilization", float, dimension=Dimension.fraction, minimum=0.001, maximum=1.0),
        Slot("mode", ScenarioMode),
        Slot("rate", float, dimension=Dimension.request_rate, minimum=1e-6, maximum=1e6),
        Slot("concurrency", int, minimum=1, maximum=4096),
        Slot("prompts", TextData),
    )
}

DATA_SLOTS: dict[str, Slot] = {
    slot.name: slot
    for slot in (
        Slot("window", int, dimension=Dimension.tokens, minimum=2, maximum=10**7),
        Slot("sample", int, dimension=Dimension.samples, minimum=0, maximum=10**7),
        Slot("seed", int, minimum=0, maximum=2**32 - 1),
        Slot("field", str),
    )
}

# A task's documents are asked whole, and its YAML says what is in them.
TASK_SLOTS: dict[str, Slot] = {name: DATA_SLOTS[name] for name in ("sample", "seed")}
