"""Checks what a recipe declares: groups, models, data, scenarios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.diagnostics import Note, Span, did_you_mean, error
from infopt_compiler.scenario import Scenario, ScenarioMode
from infopt_compiler.sema.groups import group_options, suggest_option
from infopt_compiler.sema.program import DataDecl, ModelDecl
from infopt_compiler.sema.scope import Kind, Scope
from infopt_compiler.sema.slot import DATA_SLOTS, SCENARIO_SLOTS, TASK_SLOTS, Slot
from infopt_compiler.sema.values import BAD, convert, quantity
from infopt_compiler.sources import SourceError, parse_data_source, parse_model_source
from infopt_compiler.syntax import ast
from infopt_compiler.units import Dimension


def check_group(scope: Scope, choice: ast.GroupChoice, chosen: dict[str, ast.Name]) -> None:
    """Note the option of a group in `chosen`."""
    first = chosen.get(choice.group)
    if first is not None:
        note = Note("it is chosen first here", first.span)
        scope.report(error("E0212", f"`{choice.group}` is chosen twice", choice.span, notes=(note,)))
        return
    options = group_options(choice.group)
    if choice.option.text not in options:
        message = f"`{choice.group}` has no option `{choice.option.text}`"
        hint = suggest_option(choice.group, choice.option.text)
        scope.report(error("E0211", message, choice.option.span, help=hint))
    chosen[choice.group] = choice.option


def check_model(scope: Scope, model: ast.Model) -> ModelDecl | None:
    source = _source(scope, model.source, parse_model_source)
    return None if source is None else ModelDecl(model.name.text, source, _place(model))


def _place(statement: ast.Model | ast.Data) -> Span:
    """The statement; where an override gave its source, that: what is wrong with a source is told there."""
    source = statement.source.span
    return statement.span if source.input is statement.span.input else source


def _source(scope: Scope, source: ast.Text | ast.Invalid, parse: Callable[[str], object]) -> str | None:
    if isinstance(source, ast.Invalid):
        return None
    try:
        parse(source.value)
    except SourceError as wrong:
        scope.report(wrong.diagnostic(source.span))
        return None
    return source.value


def check_settings(scope: Scope, settings: ast.Arguments | None, slots: Mapping[str, Slot]) -> dict[str, Any]:
    """The converted settings; those that were reported are left out."""
    values: dict[str, Any] = {}
    seen: dict[str, ast.Name] = {}
    for entry in settings.entries if settings is not None else ():
        name = entry.name
        assert name is not None  # the grammar has no positional settings
        if name.text in seen:
            note = Note("it is set first here", seen[name.text].span)
            scope.report(error("E0208", f"`{name.text}` is set twice", name.span, notes=(note,)))
        elif name.text not in slots:
            message = f"there is no setting `{name.text}`"
            scope.report(error("E0209", message, name.span, help=_setting(name.text, slots)))
        else:
            value = convert(scope, slots[name.text], entry.value)
            if value is not BAD:
                values[name.text] = value
        seen.setdefault(name.text, name)
    return values


def _setting(word: str, slots: Mapping[str, Slot]) -> str | None:
    """The setting that is meant; `prompt_tokens` is `prompt`, whose unit stands in its value."""
    inside = next((name for name in slots if word.startswith(f"{name}_")), None)
    return f"did you mean `{inside}`?" if inside is not None else did_you_mean(word, slots)


def check_scenario(scope: Scope, scenario: ast.Scenario) -> Scenario | None:
    """The scenario; None where anything was reported: a default in the place of a wrong setting would be blamed for others."""
    before = len(scope.found)
    values = check_settings(scope, scenario.settings, SCENARIO_SLOTS)
    if len(scope.found) > before or len(values) < len(scenario.settings.entries):
        return None
    mode = ScenarioMode(values.pop("mode", "single"))
    checked = Scenario(scenario.name.text, mode=mode, **values)
    _check_mode(scope, scenario, checked)
    if checked.context and checked.context < checked.prompt + checked.generate:
        span = next((e.span for e in scenario.settings.entries if e.name and e.name.text == "context"), None)
        message = f"`context` holds {checked.context} tokens, prompt and generate together {checked.prompt + checked.generate}"
        scope.report(error("E0304", message, span or scenario.span))
    return checked if len(scope.found) == before else None


def _check_mode(scope: Scope, scenario: ast.Scenario, checked: Scenario) -> None:
    """A server needs a rate; a setting that the mode does not read would mislead."""
    given = {entry.name.text: entry for entry in scenario.settings.entries if entry.name}
    server = checked.mode is ScenarioMode.server
    if server and "rate" not in given:
        help = "write for example `rate = 2 req/s`"
        message = "a `server` scenario needs the rate at which requests arrive"
        scope.report(error("E0310", message, scenario.span, help=help))
    unread = {"batch"} if server and checked.batch > 1 else set() if server else {"rate", "concurrency"}
    for name in sorted(unread & set(given)):
        message = f"`{name}` says nothing in a `{checked.mode.value}` scenario"
        scope.report(error("E0310", message, given[name].span, help=_MODES[name]))


_MODES = {
    "rate": "write `mode = server` for arrivals at a rate",
    "concurrency": "write `mode = server` for requests that overlap",
    "batch": "requests of a server come one by one: `concurrency` says how many are served at a time",
}


def check_data(scope: Scope, data: ast.Data, known: Mapping[str, DataDecl]) -> DataDecl | None:
    """The data with slices of slices composed; None where its source was reported."""
    parent = _parent(scope, data, known)
    start, stop = _range(scope, data.range)
    task = parent is not None and parent.is_task
    values = check_settings(scope, data.settings, TASK_SLOTS if task else DATA_SLOTS)
    if parent is None:
        return None
    field = values.pop("field", parent.field)
    length = parent.stop - parent.start
    spec = DataSpec(**{**_plain(parent.spec), **values})
    begin = _exact(parent.start + start * length)
    return DataDecl(
        data.name.text, parent.source, begin, _exact(parent.start + stop * length), spec, field, _place(data)
    )


def _plain(spec: DataSpec) -> dict[str, int]:
    return {"window": spec.window, "sample": spec.sample, "seed": spec.seed}


def _exact(share: float) -> float:
    """Shares of percentages are decimal: 0.1 + 0.2 of them stay 0.3."""
    return round(share, 12)


def _parent(scope: Scope, data: ast.Data, known: Mapping[str, DataDecl]) -> DataDecl | None:
    if isinstance(data.source, ast.Name):
        symbol = scope.find(data.source, Kind.data)
        return known.get(symbol.name.text) if symbol is not None else None
    source = _source(scope, data.source, parse_data_source)
    return None if source is None else DataDecl(data.name.text, source)


def _range(scope: Scope, cut: ast.Range | None) -> tuple[float, float]:
    if cut is None:
        return 0.0, 1.0
    if _is_plain(cut.start) and _is_plain(cut.stop):
        hint = f"write `[{_in_percent(cut.start, cut.stop)} .. {_in_percent(cut.stop, cut.stop)}]`"
        scope.report(error("E0302", "a range of data is two shares, in `%`", cut.span, help=hint))
        return 0.0, 1.0
    start, stop = _share(scope, cut.start), _share(scope, cut.stop)
    if start is None or stop is None:
        return 0.0, 1.0
    if start >= stop:
        help = "the first share is smaller than the second"
        scope.report(error("E0307", "this range of data is empty", cut.span, help=help))
        return 0.0, 1.0
    return start, stop


def _is_plain(value: ast.Scalar) -> bool:
    return isinstance(value, ast.Number) and value.quantity.dimension is Dimension.number


def _in_percent(value: ast.Scalar, stop: ast.Scalar) -> str:
    """A number without its unit: a part of one where the range ends at one, else per cent."""
    assert isinstance(value, ast.Number) and isinstance(stop, ast.Number)
    return f"{value.quantity.value * (100 if stop.quantity.value <= 1 else 1):g}%"


def _share(scope: Scope, value: ast.Scalar) -> float | None:
    share = quantity(scope, value, Dimension.fraction, "a range of data")
    if share is None:
        return None
    if not 0 <= share.base <= 1:
        scope.report(error("E0307", f"`{share}` is not between 0% and 100%", value.span))
        return None
    return _exact(share.base)
