"""Which degrees of parallelism a model's shapes allow: by arithmetic, with the numbers in every refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from infopt_compiler.architectures import Role
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Problem

INDIVISIBLE, CUT_GROUP = "E0770", "E0771"


def degree_problems(spec: ModelSpec, degrees: Mapping[str, int]) -> Iterator[Problem]:
    """What is wrong with degrees by name; a degree of 0 is still to be planned."""
    tensor, experts = degrees["tensor"], degrees["experts"]
    if tensor > 1:
        yield from tensor_problems(spec, tensor)
    if degrees["pipeline"] > spec.layers:
        yield Problem(
            f"{degrees['pipeline']} stages cannot share {spec.layers} layers",
            "pipeline",
            f"a stage holds one layer at least: at most {spec.layers}",
            INDIVISIBLE,
        )
    if experts > 1 or (experts and spec.experts):
        yield from expert_problems(spec, experts, tensor)


def tensor_problems(spec: ModelSpec, degree: int) -> Iterator[Problem]:
    """Heads, KV heads and the network's width must divide evenly, and no quantization group may be cut."""
    counts = {"KV heads": spec.kv_heads, "attention heads": spec.heads}
    if not spec.experts:
        counts["inner units of the MLP"] = spec.intermediate
    for what, count in counts.items():
        if count % degree:
            yield Problem(_indivisible(spec, degree, count, what), "tensor", None, INDIVISIBLE)
            return
    if (cut := cut_group(spec, degree)) is not None:
        yield Problem(cut, "tensor", _whole_groups(spec, degree), CUT_GROUP)
    elif spec.experts and not _expert_degrees(spec, degree):
        message = (
            f"degree {degree}: {spec.experts} experts of {spec.intermediate} inner units can be neither dealt out to {degree} "
            "ranks nor cut for them"
        )
        yield Problem(message, "tensor", None, INDIVISIBLE)


def _expert_degrees(spec: ModelSpec, tensor: int) -> list[int]:
    return [k for k in divisors(tensor) if not any(expert_problems(spec, k, tensor))]


def expert_problems(spec: ModelSpec, degree: int, tensor: int) -> Iterator[Problem]:
    if not spec.experts:
        help = "leave `experts` out"
        yield Problem("the model has no experts to divide", "experts", help, INDIVISIBLE)
    elif spec.experts % degree:
        fitting = _list(divisors(spec.experts))
        message = f"degree {degree} does not divide {spec.experts} experts; {fitting} do"
        yield Problem(message, "experts", None, INDIVISIBLE)
    elif tensor and tensor % degree:
        message = f"{degree} parts of experts do not divide a tensor group of {tensor}"
        yield Problem(message, "experts", f"`experts` is one of {_list(divisors(tensor), 'or')}", INDIVISIBLE)
    elif tensor and (piece := cut_expert(spec, tensor // degree)) is not None:
        yield Problem(piece, "experts", "raise `experts`, so that each expert stays whole", CUT_GROUP)


def cut_expert(spec: ModelSpec, pieces: int) -> str | None:
    """Why an expert cannot be cut into so many pieces."""
    part, rest = divmod(spec.intermediate, pieces)
    if rest:
        return f"an expert of {spec.intermediate} inner units is not cut into {pieces} equal pieces"
    stored = spec.linear
    if pieces == 1 or stored.bits >= 16 or stored.group <= 0:
        return None
    groups, rest = divmod(part, stored.group)
    down = next(one for one in spec.family.block.experts if Role.down in one.roles).leaf
    if rest:
        return f"an expert in {pieces} pieces has {part} inputs of `{down}`, no multiple of the group of {stored.group}"
    if not stored.symmetric and groups * stored.bits % 8:
        return f"an expert in {pieces} pieces has {groups} groups of `{down}` in each: a byte of zero points would be cut"
    return None


def tensor_degrees(spec: ModelSpec) -> list[int]:
    """Every degree that `tensor_problems` lets pass."""
    return [d for d in divisors(spec.kv_heads) if d == 1 or not any(tensor_problems(spec, d))]


def cut_group(spec: ModelSpec, degree: int) -> str | None:
    """Why a cut along the inputs of o and down would cut a quantization group, or a byte of zero points."""
    stored = spec.linear
    if stored.bits >= 16 or stored.group <= 0:
        return None
    block = spec.family.block
    widths = {block.linear(Role.attention_out).leaf: spec.heads * spec.head_dim}
    if not spec.experts:
        widths[block.linear(Role.down).leaf] = spec.intermediate
    for name, width in widths.items():
        part = width // degree
        if part % stored.group:
            return (
                f"degree {degree} cuts a quantization group: the {width} inputs of `{name}` in {degree} parts are {part}, "
                f"no multiple of the group of {stored.group}"
            )
        if not stored.symmetric and part // stored.group * stored.bits % 8:
            return (
                f"degree {degree} cuts a byte of zero points: {part // stored.group} groups of `{name}` for each rank, "
                f"{stored.bits} bits each"
            )
    return None


def _whole_groups(spec: ModelSpec, degree: int) -> str:
    """The group sizes that this degree leaves whole."""
    stored = spec.linear
    others = (replace(spec, linear=replace(stored, group=size)) for size in (16, 32, 64, 128, 256))
    fitting = [other.linear.group for other in others if cut_group(other, degree) is None]
    return (
        f"quantize with a group of {_list(fitting, 'or')}"
        if fitting
        else "no group size fits; choose another degree"
    )


def _indivisible(spec: ModelSpec, degree: int, count: int, what: str) -> str:
    fitting = [d for d in divisors(spec.kv_heads) if not spec.heads % d and not spec.intermediate % d]
    verb = "does" if len(fitting) == 1 else "do"
    return f"degree {degree} does not divide {count} {what}; {_list(fitting)} {verb}"


def divisors(number: int) -> list[int]:
    return [k for k in range(1, number + 1) if number % k == 0]


def _list(numbers: list[int], word: str = "and") -> str:
    texts = [str(number) for number in numbers]
    return f"{', '.join(texts[:-1])} {word} {texts[-1]}" if len(texts) > 1 else texts[0]
