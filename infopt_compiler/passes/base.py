"""The pass contract: a pass is a typed dataclass; its fields are the parameters of the language, Hydra, help and docs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from infopt_compiler.artifacts import Artifact, DataSpec, ModelSpec
from infopt_compiler.targets.model import Target
from infopt_compiler.units import Dimension

PROVISIONAL = "provisional"  # a fact: why a pass's result is not final, as a sentence's end

AUTO = 0  # the value of a parameter that the word `auto` stands for: the pass chooses


def param(
    default: Any,
    doc: str,
    *,
    choices: tuple[Any, ...] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    dimension: Dimension | None = None,
    requirement: bool = False,
    auto: bool = False,
    formerly: tuple[str, ...] = (),
) -> Any:
    """A parameter of a pass: its default, its documentation and the range that is checked before anything runs.

    `choices`: the only values it takes; a `str` with choices is written as a word (`method = rtn`), as the members of an
    `Enum` are. `dimension`: the field is a `str` that holds a quantity of that dimension (`"30 s"`); `requirement`: the field is
    a `list[str]` of bounds such as `"perplexity <= 18"` (written `require = perplexity <= 18` or as a list of them).
    `auto`: the word `auto` may stand for the number, and becomes `AUTO`. `formerly`: older spellings of the parameter's name;
    recipes and overrides may still use them, and are warned (E0216). Lists take `default_factory` semantics by themselves.
    """
    metadata = {
        "doc": doc,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "dimension": dimension,
        "requirement": requirement,
        "auto": auto,
        "formerly": formerly,
    }
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=MISSING if default is MISSING else default, metadata=metadata)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a pass's parameters for this model: found statically; `parameter` says where to put the caret."""

    message: str
    parameter: str | None = None
    help: str | None = None
    code: str = "E0410"


class PassError(Exception):
    """A pass that cannot go on for a reason that the user should read; becomes a diagnostic at the recipe line."""

    keep_staging = False  # what was made so far stays on disk, for the user to look at

    def __init__(self, message: str, *, help: str | None = None, code: str = "E0700") -> None:
        super().__init__(message)
        self.help = help
        self.code = code


@dataclass(frozen=True)
class Estimate:
    """What running the pass will take: wall seconds, peak RSS of its process, bytes of its output."""

    seconds: float
    peak_rss_bytes: float
    disk_bytes: float


@dataclass(frozen=True)
class Outline:
    """What a pass has to say of its plan: a table, sentences below it, and the same as plain data for plan.json."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Earlier:
    """What an earlier run of the same step left that was not final: its folder (read-only) and its facts."""

    path: Path
    facts: Mapping[str, Any]


class RunContext(Protocol):
    """What a running pass may use besides its arguments."""

    staging: Path  # the output folder; what an interrupted run left here is still here (resume)
    scratch: Path  # deleted after the run
    threads: int
    seed: int
    target: Target
    earlier: Earlier | None  # what is taken up again

    def progress(self, done: float, total: float, message: str = "") -> None: ...

    def log(self, message: str) -> None: ...


@dataclass(kw_only=True)
class Pass(ABC):
    """Base of all passes. Subclasses set the class variables and override what they need.

    `inputs` maps each artifact argument to its type in the order of positional arguments: `HFModel`,
    `HFModel | QuantizedModel`, `TextData | None` (optional), `tuple[HFModel, ...]` (variadic: several positional ones
    where it is the first, a list by name anywhere),
    `Scenario` or `Scenario | None` (a scenario binding). All other arguments are fields.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    inputs: ClassVar[dict[str, Any]]
    output: ClassVar[type[Artifact]]
    machine_bound: ClassVar[bool] = (
        False  # the result depends on the machine: its identity enters the cache key
    )
    chooses_by_measuring: ClassVar[bool] = False  # `--remeasure` runs it again
    shaped_by: ClassVar[str | None] = (
        None  # the argument whose model `check`, `transform` and `estimate` see, where it is given; else the first
    )
    only_measured: ClassVar[frozenset[str]] = frozenset(
        {"on"}
    )  # texts that shape no weight: quality may be judged there
    target_fields: ClassVar[
        tuple[str, ...]
    ] = ()  # fields of the target that shape the output; in the cache key
    libraries: ClassVar[tuple[str, ...]] = ()  # distributions whose versions shape the output

    def shaping_libraries(self) -> tuple[str, ...]:
        """`libraries`, and the distributions that these parameters bring in: their versions are in the cache key."""
        return self.libraries

    def output_for(self, given: Mapping[str, type[Artifact]]) -> type[Artifact]:
        """What comes out for these kinds of artifacts, by argument, and these parameters; `output` but for passes that keep
        a kind or are told one."""
        return self.output

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        """Static problems; `model` is the first model argument's spec, None while it is unknown. No torch, no I/O."""
        yield from ()

    def check_inputs(self, given: Mapping[str, int]) -> Iterator[Problem]:
        """Static problems of which arguments are there: `given` has the number of bindings per key of `inputs`."""
        yield from ()

    def check_scenarios(self, scenarios: Mapping[str, Any]) -> Iterator[Problem]:
        """Static problems with the scenarios that are given: the `Scenario` of each such key of `inputs`."""
        yield from ()

    def check_target(
        self, model: ModelSpec, target: Target, scenarios: Mapping[str, Any]
    ) -> Iterator[Problem]:
        """Static problems with the target, as the catalog describes it (`cpu` without figures: nothing is probed).

        `scenarios` has the `Scenario` of each such key of `inputs` that is given.
        """
        yield from ()

    def transform(self, model: ModelSpec) -> ModelSpec:
        """The spec of the output model."""
        return model

    def settle(self, model: ModelSpec, target: Target, scenarios: Mapping[str, Any]) -> ModelSpec:
        """The spec of the output model on a target, of a pass that plans for it; `scenarios` as in `check_target`."""
        return self.transform(model)

    def outline(
        self, model: ModelSpec, target: Target, scenarios: Mapping[str, Any], bounds: Sequence[str] = ()
    ) -> Outline | None:
        """What `plan` prints of this pass besides its estimate. `bounds`: what budgets demand of this binding in absolute
        figures (`tpot.p50 <= 30 ms`), for advice only: a pass is run with its arguments alone."""
        return None

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """Pure: seconds and bytes from shapes and the machine's constants."""
        return Estimate(1.0, 300e6, model.weight_bytes)

    def estimate_inputs(
        self, specs: Mapping[str, ModelSpec], data: Mapping[str, tuple[DataSpec, ...]], target: Target
    ) -> Estimate | None:
        """As `estimate`, for passes that look at all their inputs: known specs of models, settings of texts, by
        argument. None: `estimate` says it."""
        return None

    def resumes_at(self, staging: Path, inputs: Mapping[str, Any]) -> str | None:
        """Where `run` would go on from what an interrupted one left in `staging`, as in `layer 12 of 30`; None: it begins
        anew. No torch. `inputs` as in `run`."""
        return None

    @abstractmethod
    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        """Write the output into `ctx.staging`; give facts for the report (plain JSON). Raises PassError.

        The fact `provisional` (`PROVISIONAL`) says why the result is not final: others disturbed a timing, or time ran
        out. Such a result serves this build, is told, and the next build runs the pass again with it in `ctx.earlier`.

        `inputs` holds a handle (an Artifact, a tuple of them, a Scenario, or None) per key of `inputs`.
        """
