from __future__ import annotations

import json

from infopt_compiler.targets.machine import machine_digest, machine_identity


def test_identity_is_stable_plain_data() -> None:
    identity = machine_identity()
    assert json.loads(json.dumps(identity)) == identity
    assert identity["cores"] >= 1
    assert identity["memory_bytes"] > 2**28
    assert len(machine_digest()) == 64
