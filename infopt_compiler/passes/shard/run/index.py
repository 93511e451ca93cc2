"""`shards.json`: the mesh, which file holds which part of which tensor, and which rank reads which file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.mesh import Mesh

from .errors import DamagedShard, NoShards
from .files import Ranges

INDEX = "shards.json"
FORMAT = 1


@dataclass(frozen=True)
class Whole:
    """A tensor of the model: as it is in the folder that was sharded."""

    shape: tuple[int, ...]
    dtype: str
    file: str


@dataclass(frozen=True)
class ShardFile:
    """One file of a rank. `bytes` of the file, `tensor_bytes` without its header; `parts` by the tensor's name."""

    file: str
    bytes: int
    tensor_bytes: int
    sha256: str
    parts: dict[str, Ranges]


@dataclass(frozen=True)
class ShardIndex:
    """`ranks[r]` is the file that rank r reads; ranks that differ in `data` or `sequence` only share one."""

    mesh: Mesh
    stages: tuple[tuple[int, int], ...]
    tensors: dict[str, Whole]
    shards: dict[str, ShardFile]
    ranks: tuple[str, ...]

    def write(self, folder: Path) -> None:
        data = {
            "format": FORMAT,
            "mesh": self.mesh.to_json(),
            "stages": self.stages,
            "ranks": self.ranks,
            "shards": {name: asdict(shard) for name, shard in self.shards.items()},
            "tensors": {name: asdict(whole) for name, whole in self.tensors.items()},
        }
        (folder / INDEX).write_text(json.dumps(data, indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, folder: Path) -> ShardIndex:
        """NoShards where the folder has no index, DamagedShard where it says nonsense."""
        try:
            data = json.loads((folder / INDEX).read_text("utf-8"))
            if data["format"] != FORMAT:
                raise NoShards(
                    f"{folder / INDEX} has the format {data['format']}; this program reads {FORMAT}"
                )
            found = cls(
                Mesh.from_json(data["mesh"]),
                tuple((first, last) for first, last in data["stages"]),
                {
                    name: Whole(tuple(one["shape"]), one["dtype"], one["file"])
                    for name, one in data["tensors"].items()
                },
                {name: _shard(one) for name, one in data["shards"].items()},
                tuple(data["ranks"]),
            )
            found._agree()
            return found
        except (FileNotFoundError, NotADirectoryError):
            help = "a sharded model is what the pass `shard` writes"
            raise NoShards(f"{folder} is no sharded model: it has no {INDEX}", help=help) from None
        except OSError as wrong:
            raise NoShards(f"{folder / INDEX} cannot be read: {wrong.strerror}") from wrong
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            raise DamagedShard(
                f"{folder / INDEX} is damaged: {wrong!r}", help="make the artifact anew"
            ) from wrong

    def _agree(self) -> None:
        """ValueError where ranks, files and stages are not those of the mesh."""
        if min(self.mesh.to_json().values()) < 1 or len(self.ranks) != self.mesh.world:
            raise ValueError(f"{len(self.ranks)} ranks for a mesh of {self.mesh.to_json()}")
        if len(self.stages) != self.mesh.pipeline or set(self.ranks) != set(self.shards):
            raise ValueError("its stages or shards are not those of its mesh")

    def check_files(self, folder: Path) -> None:
        """Every shard is there with the bytes that it had when it was written. Raises NoShards, DamagedShard."""
        for name, shard in self.shards.items():
            ranks = ", ".join(str(rank) for rank, file in enumerate(self.ranks) if file == name)
            path = folder / name
            if not path.is_file():
                raise NoShards(
                    f"the shard {name} of rank {ranks} is missing in {folder}", help="make the artifact anew"
                )
            if (size := path.stat().st_size) != shard.bytes:
                what = "is cut short" if size < shard.bytes else "is not what was written"
                raise DamagedShard(
                    f"the shard {name} of rank {ranks} {what}: {size} bytes, not {shard.bytes}",
                    help="make the artifact anew",
                )


def _shard(data: dict[str, Any]) -> ShardFile:
    parts = {name: tuple((first, last) for first, last in part) for name, part in data["parts"].items()}
    return ShardFile(**{**data, "parts": parts})
