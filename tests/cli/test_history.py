from __future__ import annotations

import json
from dataclasses import replace

import pytest

from infopt_compiler.history import History
from infopt_compiler.targets import machine_digest
from tests.history.builds import BUILD, build


@pytest.fixture
def outputs(folder):
    """A folder with three builds of `chat.opt`, of which the second ran elsewhere."""
    (folder / "outputs").mkdir()
    history = History(folder / "outputs/history.sqlite")
    here = machine_digest()
    for one in (replace(BUILD, machine=here), build(0.012), build(0.011, machine=here)):
        history.append(one)
    return folder / "outputs"


def test_the_terminal(outputs, run):
    ran = run("history", "chat.opt")
    assert ran.code == 0 and "chat.opt: 3 builds" in ran.out and "tpot.p50" in ran.out, ran.err
    rows = run("history", "./chat.opt", "tpot.p50").out.splitlines()
    assert [row[0] for row in rows if row.startswith(("● ", "○ "))] == ["●", "○", "●"], rows


def test_json_and_limit(outputs, run):
    ran = run("history", "chat.opt", "--json", "--limit", "2")
    found = json.loads(ran.out)
    assert [row["same_machine"] for row in found["builds"]] == [False, True]
    assert found["builds"][1]["figures"][0]["value"] == pytest.approx(0.011)


def test_outputs_elsewhere(outputs, run):
    (outputs.parent / "runs").mkdir()
    assert run("history", "chat.opt", "--outputs", "runs").code == 1
    outputs.rename(outputs.parent / "runs/outputs")
    assert run("history", "chat.opt", "--outputs", "runs/outputs").code == 1, (
        "a path is from beside the outputs"
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["other.opt"], 1, "no build of `other.opt`"),
        (["chat.opt", "tpot.p5"], 1, "did you mean `tpot.p50`?"),
        (["chat.opt", "--limit", "0"], 2, "wants a number of builds"),
        (["chat.opt", "--limit"], 2, "wants a value"),
        (["chat"], 2, "ends in `.opt`"),
        ([], 2, "RECIPE"),
    ],
)
def test_what_is_wrong(outputs, run, words, code, says):
    ran = run("history", *words)
    assert ran.code == code and says in ran.err, ran.err


def test_no_history_and_a_damaged_one(outputs, run):
    (outputs / "history.sqlite").write_bytes(b"no database, but longer than a header " * 40)
    ran = run("history", "chat.opt")
    assert ran.code == 1 and "error[E0914]" in ran.err
    assert run("history", "chat.opt", "--outputs", "nowhere").code == 1
