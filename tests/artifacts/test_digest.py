"""Digests depend on content alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.artifacts.digest import canonical_json, digest_file, digest_folder, digest_json

_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=6), st.randoms())
def test_key_order_is_irrelevant(value, rng: random.Random):
    keys = list(value)
    rng.shuffle(keys)
    assert digest_json({key: value[key] for key in keys}) == digest_json(value)


@given(st.dictionaries(st.text(), _VALUES, max_size=4), st.dictionaries(st.text(), _VALUES, max_size=4))
def test_equal_digests_mean_equal_values(a, b):
    assert (digest_json(a) == digest_json(b)) == (canonical_json(a) == canonical_json(b))


def test_integral_floats_are_integers():
    assert canonical_json({"b": 1.0, "a": [0.1, -0.0, 1e300]}) == canonical_json(
        {"a": [0.1, 0, 1e300], "b": 1}
    )


@pytest.mark.parametrize("value", [{1: "a"}, {None: 0}, {"a": {2: 1}}])
def test_keys_that_are_no_strings_are_refused(value):
    with pytest.raises(TypeError):
        digest_json(value)


def test_nan_is_refused():
    with pytest.raises(ValueError):
        digest_json(float("nan"))


def test_digest_of_a_file_is_a_full_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_digest_of_a_folder_sees_names_and_bytes(tmp_path):
    def folder(name: str, files: dict[str, bytes]):
        for file, data in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return digest_folder(tmp_path / name)

    one = folder("one", {"a": b"1", "sub/b": b"2"})
    assert folder("same", {"sub/b": b"2", "a": b"1"}) == one
    assert folder("renamed", {"a": b"1", "sub/c": b"2"}) != one
    assert folder("changed", {"a": b"1", "sub/b": b"3"}) != one
    assert folder("moved", {"a": b"12", "sub/b": b""}) != one
