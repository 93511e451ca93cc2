"""What packages add by entry points: passes, artifact kinds, runtimes, methods, architectures. The rule stands here once.

A name has one owner. Two are an error that names both; so is a package that cannot be imported, that gives something else than its
group holds, that says another name, or that breaks the contract of its group. Such a plug-in is told where it is used (and
by `infopt-compile passes`), and all others work. Listing names imports nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from infopt_compiler.diagnostics import Diagnostic, Span, error

T = TypeVar("T")

OURS = "infopt-compile"


class BadPlugin(ValueError):
    """A plug-in that cannot be used; the message names it and its package, `code` says what kind of fault it is."""

    def __init__(self, code: str, message: str, help: str) -> None:
        super().__init__(message)
        self.code, self.help = code, help

    def diagnostic(self, span: Span | None = None) -> Diagnostic:
        return error(self.code, str(self), span, help=self.help)


class Registry(Generic[T]):
    """What one group of entry points holds, beside what is built in.

    `what` is a word for one of them; `built_in` gives name → what gives it; `wrong` says of an object why it is none (a
    noun phrase after `gives`), None where it is one; `name_of` what it calls itself; `contract` what else is wrong with it,
    a sentence's end each. `spelled` makes one name of spellings that are the same.
    """

    def __init__(
        self,
        what: str,
        group: str,
        built_in: Callable[[], Mapping[str, Callable[[], T]]],
        wrong: Callable[[Any], str | None],
        name_of: Callable[[T], str],
        contract: Callable[[T], Iterator[str]] = lambda found: iter(()),
        spelled: Callable[[str], str] = str,
    ) -> None:
        self.what, self.group = what, group
        self._built_in, self._points = cache(built_in), cache(self._read_points)
        self._wrong, self._name_of, self._contract, self._spelled = wrong, name_of, contract, spelled
        self._found: dict[str, T | BadPlugin] = {}
        _REGISTRIES.append(self)

    def names(self) -> tuple[str, ...]:
        """Built-in ones in their order, then those of packages by name. Nothing is imported."""
        ours = self._built_in()
        return (*ours, *sorted(set(self._points()) - set(ours)))

    def find(self, name: str) -> T:
        """The one of that name. KeyError where there is none, BadPlugin where a package's cannot be used."""
        name = self._spelled(name)
        if name not in self._found:
            try:
                self._found[name] = self._load(name)
            except BadPlugin as wrong:
                self._found[name] = wrong
        found = self._found[name]
        if isinstance(found, BadPlugin):
            raise found
        return found

    def usable(self) -> Iterator[T]:
        """All that can be used, in the order of `names`; each is imported when it is its turn."""
        for name in self.names():
            try:
                yield self.find(name)
            except BadPlugin:
                continue

    def problems(self) -> tuple[BadPlugin, ...]:
        """What is wrong with packages' ones, by name."""
        found = []
        for name in sorted(self._points()):
            try:
                self.find(name)
            except BadPlugin as wrong:
                found.append(wrong)
        return tuple(found)

    def distributions(self, name: str) -> tuple[str, ...]:
        """The distribution that a package's one comes from; () for what is built in."""
        points = self._points().get(self._spelled(name), ())
        return tuple(point.dist.name for point in points if point.dist is not None)

    def forget(self) -> None:
        """What was loaded, so that it is looked for anew."""
        self._found.clear()
        self._built_in.cache_clear()
        self._points.cache_clear()

    def _read_points(self) -> dict[str, tuple[EntryPoint, ...]]:
        found: dict[str, tuple[EntryPoint, ...]] = {}
        for point in _entry_points().select(group=self.group):
            name = self._spelled(point.name)
            found[name] = (*found.get(name, ()), point)
        return found

    def _load(self, name: str) -> T:
        points, ours = self._points().get(name, ()), self._built_in().get(name)
        if len(points) + (ours is not None) > 1:
            owners = [*([OURS] if ours is not None else []), *sorted(map(_owner, points))]
            told = f"the {self.what} `{name}` is there twice: in {' and in '.join(owners)}"
            raise BadPlugin("E0791", told, "uninstall one of these packages, or let one take another name")
        if ours is not None:
            return ours()
        if not points:
            raise KeyError(name)
        return self._checked(name, points[0])

    def _checked(self, name: str, point: EntryPoint) -> T:
        found: T = self._imported(point)
        told = f"the {self.what} `{name}` of {_owner(point)}"
        if (why := self._wrong(found)) is not None:
            help = f"the entry point of the group `{self.group}` must name one"
            raise BadPlugin("E0792", f"{told} is {why}", help)
        if self._spelled(own := self._name_of(found)) != name:
            help = f"both must be one name: write `{own} = …` in the entry points, or call it `{name}`"
            raise BadPlugin("E0792", f"{told} calls itself `{own}`", help)
        if (broken := next(self._contract(found), None)) is not None:
            raise BadPlugin("E0793", f"{told} {broken}", "docs/writing-a-pass.md has the contract")
        return found

    def _imported(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except BadPlugin:
            raise
        except (Exception, SystemExit) as wrong:  # a package's module may raise anything
            told = f"the {self.what} `{point.name}` of {_owner(point)} cannot be imported"
            help = "repair or uninstall the package; everything that does not use it works"
            raise BadPlugin("E0790", f"{told}: {type(wrong).__name__}: {wrong}", help) from wrong


_REGISTRIES: list[Registry[Any]] = []


def forget() -> None:
    """Packages that were installed or removed since are seen from now on."""
    _entry_points.cache_clear()
    for one in _REGISTRIES:
        one.forget()


def named(place: str) -> Callable[[], Any]:
    """What gives the object of `module:attribute`."""
    module, _, attribute = place.partition(":")
    return lambda: getattr(import_module(module), attribute)


@cache
def _entry_points() -> Any:
    """Of all packages, read once. Its class, not its `select`, differs between versions of Python."""
    return entry_points()


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist is not None else point.value
