"""Links and collectives by hand, and which link joins which group."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.clusters import CLUSTERS
from infopt_compiler.targets.model import Target

LINK = Link(bandwidth=1e9, hop_seconds=1e-6, start_seconds=1e-5)
FAST, SLOW = Link(1e11, 1e-6, 0), Link(1e9, 1e-5, 0)
TWO = Cluster(2, 8, FAST, SLOW)


def test_ring_volumes_and_steps():
    assert LINK.all_reduce(1, 1e6) == LINK.all_gather(1, 1e6) == 0
    assert LINK.all_reduce(4, 1e6) == pytest.approx(1e-5 + 6e-6 + 1.5e-3)
    assert LINK.all_gather(4, 1e6) == pytest.approx(1e-5 + 3e-6 + 0.75e-3)
    assert LINK.send(1e6) == pytest.approx(1e-5 + 1e-6 + 1e-3)


@pytest.mark.parametrize(
    ("mesh", "axis", "link"),
    [
        (Mesh(tensor=8), "tensor", FAST),
        (Mesh(tensor=16), "tensor", SLOW),
        (Mesh(tensor=8, pipeline=2), "pipeline", SLOW),
        (Mesh(tensor=4, pipeline=2), "pipeline", FAST),
        (Mesh(tensor=4, sequence=2), "sequence", FAST),
        (Mesh(tensor=8, sequence=2), "sequence", SLOW),
        (Mesh(tensor=3), "tensor", SLOW),  # a third group of three would lie on both machines
    ],
)
def test_groups_are_joined_by_the_slowest_link_on_their_way(mesh, axis, link):
    assert TWO.link_of(mesh, axis) is link


@pytest.mark.parametrize("target", CLUSTERS.values(), ids=CLUSTERS)
def test_clusters_are_complete(target):
    assert target.cluster is not None and target.efficiency is not None
    assert target.cluster.devices == target.devices
    assert "data sheet" in target.source and "price" in target.source
    assert target.cluster.inside.bandwidth > target.cluster.between.bandwidth
    assert Target.from_dict(json.loads(json.dumps(asdict(target)))) == target
