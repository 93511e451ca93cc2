"""Ranks and coordinates."""

from __future__ import annotations

import pytest

from infopt_compiler.passes.shard.mesh import Coordinate, Mesh


def test_tensor_counts_fastest_then_sequence_pipeline_data():
    mesh = Mesh(tensor=2, pipeline=2, sequence=2, data=2)
    assert mesh.world == 16
    assert [mesh.coordinate(rank) for rank in (0, 1, 2, 4, 8)] == [
        Coordinate(),
        Coordinate(tensor=1),
        Coordinate(sequence=1),
        Coordinate(pipeline=1),
        Coordinate(data=1),
    ]


@pytest.mark.parametrize("mesh", [Mesh(), Mesh(tensor=3), Mesh(tensor=2, pipeline=3, sequence=2, data=2)])
def test_rank_is_the_inverse_of_coordinate(mesh):
    assert [mesh.rank(at) for at in mesh.coordinates()] == list(range(mesh.world))
    with pytest.raises(ValueError):
        mesh.coordinate(mesh.world)


def test_groups_differ_on_one_axis_only():
    mesh = Mesh(tensor=2, pipeline=2, data=2)
    assert mesh.group(5, "tensor") == (4, 5)
    assert mesh.group(5, "pipeline") == (5, 7)
    assert mesh.group(5, "data") == (1, 5)


def test_experts_divide_the_tensor_group():
    mesh = Mesh(tensor=4, experts=2)
    assert [mesh.expert_part(at) for at in mesh.coordinates()] == [0, 0, 1, 1]


def test_it_goes_through_json():
    mesh = Mesh(tensor=3, data=2)
    assert Mesh.from_json(mesh.to_json()) == mesh
    assert str(mesh) == "tensor 3 x data 2" and str(Mesh()) == "one device"
