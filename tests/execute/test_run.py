"""A build: what is made, what is reused, and what a failing pass leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.diagnostics import CODES, Severity
from infopt_compiler.execute import ExecuteOptions, run_graph
from infopt_compiler.execute.failure import Interrupted
from infopt_compiler.graph import Again, build_graph
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import Node, Program
from tests.execute.conftest import TARGET, Bench, write_model


def test_a_build_makes_every_step_and_a_second_reuses_them(bench: Bench):
    first = bench.build(t={"note": "a"})
    assert not first.failed, first.diagnostics
    assert [run.name for run in first.runs] == ["m", "t", "u"]
    assert bench.events.names("started") == ["m", "t", "u"] and "begins" in bench.events.names("progress")
    assert all(run.peak_rss_bytes > 5e6 and run.seconds > 0 for run in first.runs)
    assert first.entries["t"].made.facts == {"threads": 1, "target": "box", "text": None, "under": None}
    assert (first.artifacts["u"].path / "note.json").exists()

    since = time.monotonic()
    second = bench.build(t={"note": "a"})
    assert time.monotonic() - since < 0.5
    assert [run.cached for run in second.runs] == [True, True, True]
    assert bench.events.names("started") == [] and bench.events.names("cached") == ["m", "t", "u"]
    assert [run.digest for run in second.runs] == [run.digest for run in first.runs]
    assert second.runs[1].peak_rss_bytes == first.runs[1].peak_rss_bytes


def test_only_what_is_downstream_runs_again(bench: Bench):
    bench.build(t={"note": "a"})
    late = bench.build(t={"note": "a"}, u={"note": "b"})
    assert [run.cached for run in late.runs] == [True, True, False]
    early = bench.build(t={"note": "c"}, u={"note": "b"})
    assert [run.cached for run in early.runs] == [True, False, False]
    equal = bench.build(t={"note": "c", "weight": 3}, u={"note": "b"})
    assert [run.cached for run in equal.runs] == [True, False, True], "equal bytes end the rebuild"


def test_an_equal_number_is_an_equal_key(bench: Bench):
    bench.build(t={"weight": 2})
    assert all(run.cached for run in bench.build(t={"weight": 2.0}).runs)


def test_a_changed_source_is_imported_again(bench: Bench):
    before = bench.build()
    (bench.folder / "model" / "tokenizer.json").write_text('{"new": 1}')
    after = bench.build()
    assert after.entries["m"].digest != before.entries["m"].digest
    assert not after.runs[0].cached


def test_data_scenario_and_several_models_reach_a_pass(bench: Bench):
    program = bench.program()
    write_model(bench.folder / "other", seed=1)
    (bench.folder / "flag").touch()
    nodes = {
        "t": Node("t", "toy", {"model": ("m",), "text": ("d",), "under": ("chat",)}, {}),
        "u": Node("u", "toy_steps", {"models": ("m", "t")}, {"flag": str(bench.folder / "flag")}),
    }
    done = bench.build(replace(program, nodes=nodes, scenarios={"chat": Scenario("chat", prompt=99)}))
    assert not done.failed, done.diagnostics
    assert done.entries["t"].made.facts["text"] == "TextData" and done.entries["t"].made.facts["under"] == 99
    assert done.entries["u"].made.facts["models"] == 2
    assert "machine" in done.entries["u"].made.material and "machine" not in done.entries["t"].made.material


@pytest.mark.parametrize(
    ("way", "code", "word"),
    [
        ("exception", "E0801", "RuntimeError: matrices do not fit"),
        ("told", "E0700", "the model has no layers"),
        ("segfault", "E0802", "SIGSEGV"),
        ("killed", "E0803", "SIGKILL"),
        ("leaves", "E0802", "code 7"),
        ("nothing", "E0809", "wrote nothing"),
        ("lies", "E0794", "the model that it wrote has `layers` 7, and it promised 1"),
        ("strange", "E0795", "what it wrote is no HFModel"),
        ("nan", "E0801", "not JSON compliant"),
    ],
)
def test_a_failing_pass_is_a_diagnostic_at_its_line(bench: Bench, way: str, code: str, word: str):
    build = bench.build(u={"way": way})
    assert build.failed
    (found,) = build.diagnostics
    assert found.code == code and word in found.message and "`u`" in found.message
    assert found.span is not None and found.span.line == 3
    assert code in CODES
    assert sorted(build.entries) == ["m", "t"], "what finished stays"
    assert [entry.made.name for entry in bench.store.entries()] == ["m", "t"]
    if found.notes:
        assert "toy speaks" in Path(found.notes[0].message.removeprefix("the log of the step: ")).read_text()
    assert [run.cached for run in bench.build(t={}).runs] == [True, True, False]


def test_a_hang_is_ended(bench: Bench):
    bench.options = replace(bench.options, hang_seconds=1.5)
    build = bench.build(t={"way": "hangs"})
    assert [found.code for found in build.diagnostics] == ["E0806"]


def test_a_memory_ceiling_holds(bench: Bench):
    bench.options = replace(bench.options, memory_bytes=300e6)
    build = bench.build(t={"way": "hogs"})
    assert [found.code for found in build.diagnostics] == ["E0804"]


def _gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether the process ends within the time (one that nobody waits for counts as ended)."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_what_a_pass_started_ends_with_it(bench: Bench):
    bench.options = replace(bench.options, hang_seconds=1.5)
    build = bench.build(t={"way": "forks", "note": str(bench.folder / "pid")})
    assert [found.code for found in build.diagnostics] == ["E0806"]
    assert _gone(int((bench.folder / "pid").read_text()))


def test_a_killed_pass_resumes(bench: Bench):
    nodes = {"u": Node("u", "toy_steps", {"models": ("m",)}, {"flag": str(bench.folder / "flag")})}
    program = replace(bench.program(), nodes=nodes)
    (killed,) = bench.build(program).diagnostics
    assert killed.code == "E0803"
    assert killed.help == "what finished is kept, and it goes on at layer 4 of 5 when you build again"
    assert bench.events.details["u"] == "toy_steps"
    resumed = bench.build(program)
    assert not resumed.failed and resumed.entries["u"].made.facts["done"] == 2
    assert bench.events.details["u"] == "toy_steps, resumed at layer 4 of 5"


def steps(bench: Bench):
    (bench.folder / "flag").touch()
    given = {"flag": str(bench.folder / "flag"), "waits": True}
    return replace(bench.program(), nodes={"u": Node("u", "toy_steps", {"models": ("m",)}, given)})


def test_an_interruption_says_what_becomes_of_the_step(bench: Bench):
    program = steps(bench)
    with pytest.raises(Interrupted, match=r"^`u` .toy_steps. goes on at layer 3 of 5 when you build again$"):
        bench.build(program, interrupt_at="layer 2")
    bench.build(program)
    assert bench.events.details["u"] == "toy_steps, resumed at layer 3 of 5"
    with pytest.raises(
        Interrupted, match=r"^`u` .toy_steps. was being made again: the store has what it had$"
    ):
        bench.build(program, Again(frozenset({"u"}), since=time.time()), interrupt_at="layer 2")
    assert all(run.cached for run in bench.build(program).runs)


def test_an_interruption_of_a_pass_that_keeps_nothing(bench: Bench):
    with pytest.raises(Interrupted, match=r"^`t` .toy. begins anew when you build again$"):
        bench.build(bench.program(), interrupt_at="begins")


def test_a_failed_pass_starts_afresh(bench: Bench):
    bench.build(u={"way": "exception"})
    assert not any(bench.store.root.glob("staging/*")) and not any(bench.store.root.glob("scratch/*"))


@pytest.fixture
def small_disk(bench: Bench):
    """The store on a disk of 8 MB."""
    root = bench.folder / "small"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk needs the right to mount")
    bench.store.root = root / "store"
    yield root
    subprocess.run(["umount", "-l", str(root)], check=True)


def test_a_full_disk(bench: Bench, small_disk: Path):
    build = bench.build(u={"way": "fills"})
    (found,) = build.diagnostics
    assert found.code == "E0805" and "`u`" in found.message and found.span.line == 3
    assert sorted(entry.made.name for entry in bench.store.entries()) == ["m", "t"]
    assert bench.store.verify() == [] and not any(bench.store.root.glob("staging/*"))
    assert not bench.build(u={}).failed, "with the space freed the build goes on"


def test_a_disk_that_is_full_from_the_start(bench: Bench, small_disk: Path):
    with (small_disk / "ballast").open("wb") as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 65536)
            file.flush()
    build = bench.build()
    assert [found.code for found in build.diagnostics] == ["E0805"]
    assert bench.store.entries() == []


def test_a_corrupt_artifact_is_made_again(bench: Bench):
    path = bench.build().artifacts["t"].path / "note.json"
    path.chmod(0o644)
    path.write_text("{}")
    again = bench.build()
    assert not again.failed and [found.code for found in again.diagnostics] == ["E0620"]
    assert [run.cached for run in again.runs] == [True, False, True]
    assert "corrupt" in again.diagnostics[0].message and bench.events.names("warning") == []  # told once


def test_two_builds_share_one_store(bench: Bench):
    program = bench.program()
    executions = []

    def build() -> None:
        other = Bench(bench.folder)
        graph = build_graph(program)
        executions.append(run_graph(graph, other.store, TARGET, other.options, other.events))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(execution.failed for execution in executions)
    made = [run.name for execution in executions for run in execution.runs if not run.cached]
    assert sorted(made) == ["m", "t", "u"], "each step was made once"


def unsure(bench: Bench, **parameters: object) -> Program:
    program = bench.program()
    settings = {"flag": str(bench.folder / "decided"), **parameters}
    node = replace(program.nodes["t"], pass_name="toy_unsure", parameters=settings)
    return replace(program, nodes={**program.nodes, "t": node})


def test_what_is_not_final_is_told_and_taken_up_by_the_next_build(bench: Bench):
    program = unsure(bench)
    first = bench.build(program)
    (found,) = first.diagnostics
    assert found.code == "E0813" and found.severity is Severity.warning and found.span.line == 2
    assert found.message == "`t` (toy_unsure) is not final: others used the cores" and not first.failed
    assert [run.provisional for run in first.runs] == [None, "others used the cores", None]
    assert first.runs[1].to_json()["provisional"] == "others used the cores"

    second = bench.build(program)
    assert [run.cached for run in second.runs] == [True, False, True], "equal bytes end the rebuild"
    assert second.entries["t"].made.facts["count"] == 2, "it goes on from the run before"
    assert [found.code for found in second.diagnostics] == ["E0813"]
    assert first.artifacts["t"].path.exists(), "who uses the earlier one keeps it"

    (bench.folder / "decided").touch()
    third = bench.build(program)
    assert not third.diagnostics and third.entries["t"].made.facts["count"] == 3
    fourth = bench.build(program)
    assert all(run.cached for run in fourth.runs) and not fourth.diagnostics


def test_what_follows_is_made_again_where_another_run_decides_otherwise(bench: Bench):
    program = unsure(bench, changes=True)
    first, second = bench.build(program), bench.build(program)
    assert [run.cached for run in second.runs] == [True, False, False]
    assert first.entries["t"].digest != second.entries["t"].digest


def test_a_locked_build_uses_what_is_not_final_as_it_is(bench: Bench):
    program = unsure(bench, changes=True)
    first = bench.build(program)
    second = bench.build(program, again=Again(retake=False))
    assert all(run.cached for run in second.runs) and [found.code for found in second.diagnostics] == [
        "E0813"
    ]
    assert second.entries["t"].digest == first.entries["t"].digest


def test_a_locked_build_uses_what_its_lock_names_though_another_run_decided_otherwise(bench: Bench):
    program = unsure(bench, changes=True)
    first = bench.build(program)
    bench.build(program)  # an ordinary build takes it up
    pinned = {name: entry.digest for name, entry in first.entries.items()}
    locked = bench.build(program, again=Again(retake=False, pinned=pinned))
    assert {name: entry.digest for name, entry in locked.entries.items()} == pinned
    assert all(run.cached for run in locked.runs)


def test_where_taking_up_fails_the_earlier_result_is_used_and_the_failure_told(bench: Bench):
    program = unsure(bench, fails=True)
    first, second = bench.build(program), bench.build(program)
    assert not second.failed and second.entries["t"].digest == first.entries["t"].digest
    codes = [(found.code, found.severity) for found in second.diagnostics]
    assert codes == [("E0700", Severity.warning), ("E0813", Severity.warning)]
    assert "the measuring failed" in second.diagnostics[0].message


@pytest.mark.parametrize("earlier", [0, 1])
def test_of_two_builds_one_takes_up_what_is_not_final(bench: Bench, earlier: int):
    program = unsure(bench, seconds=1.0)
    for _ in range(earlier):
        bench.build(program)
    again = Again(since=time.time())
    executions = []

    def build() -> None:
        other = Bench(bench.folder)
        graph = build_graph(program)
        executions.append(run_graph(graph, other.store, TARGET, other.options, other.events, again=again))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [execution.entries["t"].made.facts["count"] for execution in executions] == [earlier + 1] * 2


_BUILD = """
import sys
from pathlib import Path
from tests.execute.conftest import Bench
bench = Bench(Path(sys.argv[1]))
bench.build(t={"way": "forks", "note": str(bench.folder / "pid")})
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_worker_ends_with_the_build(bench: Bench, number: signal.Signals):
    build = subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(bench.folder)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    pid = bench.folder / "pid"
    for _ in range(200):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.05)
    worker = int(Path(f"/proc/{pid.read_text()}/stat").read_text().rsplit(")", 1)[1].split()[1])
    build.send_signal(number)
    build.wait(10)
    assert _gone(worker)
    if _gone(int(pid.read_text()), 0.1) is False:
        os.kill(int(pid.read_text()), signal.SIGKILL)
    assert [entry.made.name for entry in bench.store.entries()] == ["m"]
    assert bench.store.verify() == []


def test_an_unusable_cache_folder(bench: Bench):
    bench.store.root = bench.folder / "model" / "config.json" / "store"
    assert [found.code for found in bench.build().diagnostics] == ["E0810"]


def test_default_threads_are_the_cores():
    assert ExecuteOptions().thread_count == len(os.sched_getaffinity(0))


def test_runs_are_plain_data(bench: Bench):
    run = bench.build().runs[1].to_json()
    assert json.loads(json.dumps(run))["pass"] == "toy"
    assert run["digest"] == digest_folder(bench.store.find(run["key"]).files)
