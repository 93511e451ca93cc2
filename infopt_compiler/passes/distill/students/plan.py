"""Which shape a student made from its teacher has: layers, heads, key/value groups, MLP channels. Pure; no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from infopt_compiler.architectures import Ability, able
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Problem

_CHANNEL_STEPS = (
    32,
    16,
    8,
    4,
    2,
    1,
)  # MLP channels come in multiples of the first that divides the teacher's


class Prune(str, Enum):
    """What a bound on the size takes away, where neither layers nor width are given."""

    depth = "depth"  # whole layers
    width = "width"  # key/value groups with their heads, and MLP channels
    both = "both"  # the two by about the same share


@dataclass(frozen=True)
class StudentShape:
    """Shapes of a student. Hidden size, head size, vocabulary and all else are the teacher's."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int

    @classmethod
    def of(cls, spec: ModelSpec) -> StudentShape:
        return cls(spec.layers, spec.hidden, spec.heads, spec.kv_heads, spec.intermediate)

    def spec(self, teacher: ModelSpec) -> ModelSpec:
        """The teacher's spec with this shape."""
        return replace(
            teacher,
            layers=self.layers,
            heads=self.heads,
            kv_heads=self.kv_heads,
            intermediate=self.intermediate,
        )


class ImpossibleShape(ValueError):
    """No student of this description; `problem` says why, with numbers."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def choose_shape(
    spec: ModelSpec,
    *,
    layers: int | None = None,
    size: float | None = None,
    width: float | None = None,
    prune: Prune = Prune.depth,
) -> StudentShape:
    """The largest student within what is given; ImpossibleShape where there is none.

    `layers`: how many; `width`: share of the key/value groups (with their heads) and MLP channels that stay;
    `size`: upper bound on the weights' bytes as a share of the teacher's. Of layers and width what is not given follows
    from the bound, or is the teacher's where there is no bound; with a bound alone, `prune` says what gives way.
    """
    for problem in _wrong_numbers(spec, layers, size, width):
        raise ImpossibleShape(problem)
    if size is None:
        return _shape(spec, layers or spec.layers, width or 1.0)
    if layers is not None and width is not None:
        return _checked(spec, _shape(spec, layers, width), size, "layers")
    if layers is not None:
        return _widest(spec, layers, size)
    if width is not None:
        return _deepest(spec, width, size)
    if prune is Prune.depth:
        return _deepest(spec, 1.0, size)
    return _widest(spec, spec.layers, size) if prune is Prune.width else _balanced(spec, size)


def shape_problems(
    spec: ModelSpec,
    *,
    layers: int | None = None,
    size: float | None = None,
    width: float | None = None,
    prune: Prune = Prune.depth,
) -> Iterator[Problem]:
    """What `choose_shape` would refuse, as problems of the recipe."""
    try:
        choose_shape(spec, layers=layers, size=size, width=width, prune=prune)
    except ImpossibleShape as wrong:
        yield wrong.problem


def _wrong_numbers(
    spec: ModelSpec, layers: int | None, size: float | None, width: float | None
) -> Iterator[Problem]:
    if not spec.family.can(Ability.distill):
        known = [one.name for one in able(Ability.distill)]
        message = f"no student can be cut out of a `{spec.model_type}` model"
        yield Problem(message, "teacher", f"known are: {', '.join(known)}; or give `student`, a model")
    if layers is None and size is None and width is None:
        yield Problem(
            "nothing says how small the student is", help="give `layers`, `size`, `width`, or `student`"
        )
    if layers is not None and not 1 <= layers <= spec.layers:
        yield Problem(f"the teacher has {spec.layers} layers, a student of {layers} cannot be made", "layers")
    if width is not None and not 0 < width <= 1:
        yield Problem(
            f"`width` is the share of the teacher's width that stays: {width:.0%} cannot be", "width"
        )
    if size is not None and not 0 < size < 1:
        yield Problem(
            f"`size` is a share of the teacher's bytes below 100%: {size:.0%} says nothing smaller", "size"
        )
    whole = layers in (None, spec.layers) and width in (None, 1.0) and size is None
    if whole and not (layers is None and width is None):
        message = f"a student of {spec.layers} layers and the teacher's width is the teacher"
        yield Problem(message, "layers" if layers else "width", "take fewer")


def _shape(spec: ModelSpec, layers: int, width: float) -> StudentShape:
    """`width` rounded to whole groups and to a multiple of channels; an encoder's heads all stay."""
    step = next(step for step in _CHANNEL_STEPS if spec.intermediate % step == 0)
    channels = max(1, round(width * spec.intermediate / step)) * step
    if not spec.family.generates:  # BERT's configuration knows no head size apart from hidden / heads
        return StudentShape(layers, spec.hidden, spec.heads, spec.kv_heads, channels)
    groups = max(1, round(width * spec.kv_heads))
    return StudentShape(layers, spec.hidden, groups * spec.heads // spec.kv_heads, groups, channels)


def _share(spec: ModelSpec, shape: StudentShape) -> float:
    return shape.spec(spec).weight_bytes / spec.weight_bytes


def _widths(spec: ModelSpec, layers: int) -> list[StudentShape]:
    """All shapes of that depth, the widest first."""
    steps = max(32, spec.kv_heads)
    shapes = (_shape(spec, layers, k / steps) for k in range(steps, 0, -1))
    return list(dict.fromkeys(shapes))


def _widest(spec: ModelSpec, layers: int, size: float) -> StudentShape:
    shapes = _widths(spec, layers)
    return next((s for s in shapes if _share(spec, s) <= size), None) or _checked(
        spec, shapes[-1], size, "size"
    )


def _deepest(spec: ModelSpec, width: float, size: float) -> StudentShape:
    shapes = [_shape(spec, layers, width) for layers in range(spec.layers, 0, -1)]
    return next((s for s in shapes if _share(spec, s) <= size), None) or _checked(
        spec, shapes[-1], size, "size"
    )


def _balanced(spec: ModelSpec, size: float) -> StudentShape:
    """Of the shapes that fit, for each depth the widest, the one that keeps about the same share of both."""
    fitting = []
    for layers in range(1, spec.layers + 1):
        found = next((s for s in _widths(spec, layers) if _share(spec, s) <= size), None)
        fitting += [found] if found else []
    if not fitting:
        return _checked(spec, _widths(spec, 1)[-1], size, "size")
    return min(
        fitting, key=lambda s: (abs(s.layers / spec.layers - s.intermediate / spec.intermediate), -s.layers)
    )


def _checked(spec: ModelSpec, shape: StudentShape, size: float, parameter: str) -> StudentShape:
    """The shape if it is within the bound; else ImpossibleShape with what it takes and what would fit."""
    share = _share(spec, shape)
    if share <= size:
        return shape
    tables = spec.weight_bytes - spec.linear_bytes
    what = f"{shape.layers} layers with {shape.heads} heads and {shape.intermediate} channels"
    message = (
        f"{what} are {share:.1%} of the teacher's {spec.weight_bytes / 1e6:.0f} MB, and `size` is {size:.1%}"
    )
    help = f"what no pruning removes (tables of words, norms) is {tables / spec.weight_bytes:.1%}"
    raise ImpossibleShape(Problem(message, parameter, help))
