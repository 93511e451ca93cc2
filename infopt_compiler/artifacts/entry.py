"""One entry of the store: what was made, from what, at what cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.handles import KINDS, Artifact


@dataclass(frozen=True)
class Made:
    """What is recorded with an artifact. `material` is the plain data whose digest is the key.

    `name` is the binding that made it, `seconds` and `peak_rss_bytes` what that took, `recipe` whose binding it was (empty: an
    entry of an earlier version).
    """

    name: str
    kind: str
    material: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    peak_rss_bytes: int = 0
    recipe: str = ""

    @property
    def pass_name(self) -> str:
        """The pass, or what stands for one (`import`, `text`, `task`)."""
        return str(self.material.get("pass", ""))

    @property
    def provisional(self) -> str | None:
        """Why the artifact is not final, as the pass said; None where it is."""
        reason = self.facts.get("provisional")
        return str(reason) if reason else None


@dataclass(frozen=True)
class Entry:
    """An artifact in the store. `files` is its folder; `digests` the SHA-256 of each file; `created` Unix seconds."""

    key: str
    made: Made
    digest: str
    digests: dict[str, str]
    size_bytes: int
    created: float
    files: Path

    @property
    def artifact(self) -> Artifact:
        return KINDS.find(self.made.kind)(self.files, self.digest)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            **asdict(self.made),
            "digest": self.digest,
            "digests": self.digests,
            "size_bytes": self.size_bytes,
            "created": self.created,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], files: Path) -> Entry:
        """KeyError or TypeError where the data is not of `to_json`."""
        made = Made(**{name: data[name] for name in Made.__dataclass_fields__ if name in data})
        return cls(
            data["key"],
            made,
            data["digest"],
            dict(data["digests"]),
            data["size_bytes"],
            data["created"],
            files,
        )
