"""The mesh of ranks, under the name by which the pass and its runtime use it."""

from infopt_compiler.artifacts.mesh import AXES, Coordinate, Mesh

__all__ = ["AXES", "Coordinate", "Mesh"]
