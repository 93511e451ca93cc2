from __future__ import annotations

import json

import pytest

from tests.report.conftest import bound


@pytest.fixture
def runs(folder):
    """Two runs, the second slower; and a sweep of two jobs."""
    base = {
        "schema_version": 1, "recipe": "chat", "verdict": "met", "exit_code": 0, "started": "2026-01-01T00:00:00+00:00",
        "seconds": 3.0, "overrides": [], "passes": [], "artifacts": [], "measured": [], "machine": {}, "target": {},
        "environment": {"python": "3.11"}, "graph": {},
    }  # fmt: skip
    for name, value in (("one", 0.3), ("two", 0.4), ("sweep/0", 0.3), ("sweep/1", 0.3)):
        (folder / name).mkdir(parents=True)
        rows = [bound(value=value, interval=[value * 0.99, value * 1.01])]
        (folder / name / "report.json").write_text(json.dumps({**base, "bounds": rows}))
    return folder


def test_folders_and_files(runs, run):
    ran = run("diff", "one", "two/report.json")
    assert ran.code == 0 and "WORSE" in ran.out and "133.3%" in ran.out, ran.err
    assert "A: chat of 2026-01-01" in ran.out and ", one" in ran.out


def test_json_and_markdown(runs, run):
    found = json.loads(run("diff", "one", "two", "--json").out)
    assert found["bounds"][0]["change"] == "worse" and found["b"]["folder"] == "two"
    assert run("diff", "one", "two", "--markdown").out.startswith("## `chat`: met")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["one"], 2, "wants a second report"),
        ([], 2, "wants A B"),
        (["one", "two", "three"], 2, "not also `three`"),
        (["one", "two", "--json", "--markdown"], 2, "exclude each other"),
        (["one", "nowhere"], 1, "no report in `nowhere`"),
        (["one", "sweep"], 1, "`sweep/0`"),
        (["one", "chat.opt"], 1, "cannot be read"),
        (["one", "list.json"], 1, "no report of a build"),
        (["one", "half.json"], 1, "not whole"),
    ],
)
def test_what_is_wrong(runs, run, folder, words, code, says):
    (folder / "list.json").write_text("[1]")
    half = json.loads((folder / "one/report.json").read_text()) | {"bounds": [{"metric": "size"}]}
    (folder / "half.json").write_text(json.dumps(half))
    ran = run("diff", *words)
    assert ran.code == code and says in ran.err and "Traceback" not in ran.err, ran.err
