"""Measurements kept between runs: quality by what it was computed from, timings by the machine as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.artifacts.handles import Artifact, TextData
from infopt_compiler.measure.serving.process import host_digest, runtime_variables
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.runtimes.protocol import Runtime
from infopt_compiler.runtimes.registry import find_scorer, find_server
from infopt_compiler.scenario import Scenario

_VERSION = 5  # of what is measured: a change of a definition makes old records worthless
# Names, what settings say of text, and how long is spent on other things: they change no timing.
_OF_NO_ACCOUNT = ("name", "windows", "resamples", "prompts", "attribution", "attribution_seconds")
_LIBRARIES = ("torch", "transformers", "onnxruntime", "onnxruntime-genai", "tokenizers", "numpy")


class Records(Protocol):
    """Small JSON records by key (`artifacts.store.Store` is one)."""

    def record(self, key: str) -> dict[str, Any] | None: ...

    def put_record(self, key: str, data: dict[str, Any]) -> None: ...


class MemoryRecords:
    """Records that live as long as the object, where no store is at hand."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Any]] = {}

    def record(self, key: str) -> dict[str, Any] | None:
        return self._kept.get(key)

    def put_record(self, key: str, data: dict[str, Any]) -> None:
        self._kept[key] = data


class FreshRecords:
    """Knows only what was put since it was made, and writes that through: what measuring again needs."""

    def __init__(self, kept: Records) -> None:
        self._kept, self._put = kept, set[str]()

    def record(self, key: str) -> dict[str, Any] | None:
        return self._kept.record(key) if key in self._put else None

    def put_record(self, key: str, data: dict[str, Any]) -> None:
        self._put.add(key)
        self._kept.put_record(key, data)


def quality_key(artifact: Artifact, reference: Artifact | None, data: TextData, windows: int) -> str:
    """Logits do not depend on the machine beyond rounding, so quality is reused wherever the libraries are the same."""
    return digest_json(
        {
            "measure": "quality",
            "version": _VERSION,
            "artifact": artifact.digest,
            "reference": reference.digest if reference else None,
            "data": data.digest,
            "windows": windows,
            "libraries": library_versions(),
            "runtimes": [_runtime(find_scorer, one) for one in (artifact, reference) if one is not None],
        }
    )


def timing_key(
    artifacts: Mapping[str, Artifact],
    scenario: Scenario,
    settings: MeasureSettings,
    bounds: list[str],
    prompts: TextData | None = None,
) -> str:
    """Interleaved runs are one measurement: all variants are in the key, and what was asked of them, and the machine:
    not only one of its kind, and what runtimes are told by the environment.

    The scenario's and the settings' names are not, nor what the settings say of text: they change nothing.
    """
    from infopt_compiler.targets import machine_digest

    plain = {
        name: {key: part for key, part in asdict(value).items() if key not in _OF_NO_ACCOUNT}
        for name, value in (("scenario", scenario), ("settings", settings))
    }
    return digest_json(
        {
            "measure": "timing",
            "version": _VERSION,
            "artifacts": [artifact.digest for artifact in artifacts.values()],
            "bounds": sorted(bounds),
            "prompts": prompts.digest if prompts is not None else None,
            "libraries": library_versions(),
            "runtimes": [_runtime(find_server, artifact) for artifact in artifacts.values()],
            "machine": machine_digest(),
            "host": host_digest(),
            "variables": runtime_variables(),
            **plain,
        }
    )


def _runtime(find: Callable[[Artifact], Runtime | None], artifact: Artifact) -> dict[str, Any] | None:
    """What computes on an artifact: another runtime, or another version of it, gives other figures."""
    found = find(artifact)
    return None if found is None else {"name": found.name, "versions": found.versions()}


def library_versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
