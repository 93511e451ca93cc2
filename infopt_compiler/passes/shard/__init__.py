"""The pass `shard`: a model split over the devices of a cluster."""

from infopt_compiler.passes.shard.shard import Shard

__all__ = ["Shard"]
