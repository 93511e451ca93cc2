"""What can go wrong with shards and ranks, typed; each becomes a diagnostic at the recipe line or the command."""

from __future__ import annotations

from infopt_compiler.passes.base import PassError


class ShardError(PassError):
    """An error with a code of its own."""

    own_code = "E0787"

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message, help=help, code=self.own_code)


class NoShards(ShardError):
    """The folder is no sharded model, or a shard is missing."""

    own_code = "E0780"


class DamagedShard(ShardError):
    """A shard is cut short, or is not what was written."""

    own_code = "E0781"


class WrongWorld(ShardError):
    """Another number of processes was started than the mesh has ranks."""

    own_code = "E0782"


class PortTaken(ShardError):
    """The port at which ranks meet is in use."""

    own_code = "E0783"


class RankFailed(ShardError):
    """A rank died, or raised an error; the message names it and its log."""

    own_code = "E0784"


class RanksHang(ShardError):
    """No rank gave a sign of progress for too long."""

    own_code = "E0785"


class NotEqual(ShardError):
    """The sharded run computes something else than the whole model."""

    own_code = "E0786"


class Unsupported(ShardError):
    """The model has a feature that the runtime does not compute."""

    own_code = "E0787"


class CannotWriteShards(ShardError):
    """The operating system refused the write."""

    own_code = "E0788"


CLASSES: dict[str, type[ShardError]] = {
    cls.own_code: cls
    for cls in (
        NoShards,
        DamagedShard,
        WrongWorld,
        PortTaken,
        RankFailed,
        RanksHang,
        NotEqual,
        Unsupported,
        CannotWriteShards,
    )
}
