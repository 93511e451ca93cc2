"""Tasks are read without lm-eval and without running anything; what cannot be scored here is told."""

from __future__ import annotations

import json

import pytest

from infopt_compiler.sources import SourceError, task_config
from infopt_compiler.sources.reference import HarnessTask, is_task, parse_data_source
from infopt_compiler.sources.task_config import parse_task, read_task
from tests.sources.tasks import write_tasks


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    monkeypatch.setattr(task_config, "require_harness", lambda: None)
    return write_tasks(tmp_path)


def test_a_source_names_a_folder_and_a_task(tmp_path):
    source = parse_data_source("lm-eval:./tasks#arc_local")
    assert source == HarnessTask("./tasks", "arc_local")
    assert source.resolve(tmp_path) == (tmp_path / "tasks").resolve()
    assert is_task("lm-eval:./tasks#arc_local") and not is_task("file:tasks#arc_local")


@pytest.mark.parametrize("text", ["lm-eval:tasks", "lm-eval:#arc", "lm-eval:tasks#", "lm-eval:a#b c"])
def test_half_a_source(text):
    with pytest.raises(SourceError) as wrong:
        parse_data_source(text)
    assert wrong.value.code == "E0600" and "lm-eval:path/to/folder#task" in wrong.value.help


def test_includes_are_merged_and_files_found(tasks):
    found = read_task(tasks, "choice")
    assert found.files == {"data/docs.jsonl": tasks / "data/docs.jsonl"}
    assert found.config["dataset_kwargs"] == {"data_files": {"test": "data/data/docs.jsonl"}}
    assert [row["metric"] for row in found.config["metric_list"]] == ["acc", "acc_norm"]
    assert found.config["doc_to_choice"] == "choices" and "metadata" not in found.config


def test_examples_are_never_the_question_itself(tasks):
    """lm-eval leaves a document out of its own examples only where the split of the examples is named."""
    found = read_task(tasks, "written").config
    assert found["fewshot_split"] == found["test_split"] == "test"
    assert found["metric_list"][0]["ignore_case"] is True


@pytest.mark.parametrize(
    ("task", "code", "message", "help"),
    [
        ("choise", "E0616", "no YAML file of", "did you mean `choice`?"),
        ("several", "E0616", "`several` is a group of tasks", "name one"),
        ("hub", "E0617", "it loads `allenai/ai2_arc` from the hub", "dataset_path: json"),
        ("lost", "E0617", "there is no file", "did you mean `data/docs.jsonl`?"),
        ("away", "E0617", "`../docs.jsonl` is not in its folder", "copy it there"),
        ("url", "E0617", "`https://a.b/c.jsonl` is not in its folder", "copy it there"),
        ("rolling", "E0618", "output type `loglikelihood_rolling`", "`multiple_choice`, `loglikelihood`, `generate_until` are"),
        ("drawn", "E0618", "draws its answers", "do_sample: false"),
        ("bleu", "E0618", "scores what is written by `bleu`", "`exact_match`"),
        ("code", "E0619", "runs code of its folder: `process_docs: !function utils.run`", "templates"),
        ("picture", "E0619", "`doc_to_image` of `picture` is not supported", None),
        ("misspelt", "E0619", "has the key `doc_to_texts`", "did you mean `doc_to_text`?"),
        ("unsplit", "E0619", "neither a `test_split` nor a `validation_split`", None),
    ],
)  # fmt: skip
def test_what_cannot_be_scored(tasks, task, code, message, help):
    with pytest.raises(SourceError) as wrong:
        read_task(tasks, task)
    assert wrong.value.code == code and message in str(wrong.value)
    assert help is None or help in wrong.value.help


@pytest.mark.parametrize(
    "line",
    [
        "dataset_kwargs: words",
        "metric_list: exact_match",
        "metric_list: [exact_match]",
        "filter_list: 3",
        "fewshot_config: 3",
        "generation_kwargs: {temperature: warm}",
        "description: 2026-01-01",
        "num_fewshot: .nan",
        "1: one",
    ],
)
def test_a_value_of_the_wrong_shape_is_told(tasks, line):
    (tasks / "odd.yaml").write_text(f"include: _base\ntask: odd\n{line}\n")
    with pytest.raises(SourceError) as wrong:
        read_task(tasks, "odd")
    assert wrong.value.code == "E0619"


def test_a_folder_that_is_not_there(tasks):
    with pytest.raises(SourceError) as wrong:
        read_task(tasks / "none", "choice")
    assert wrong.value.code == "E0601"


def test_yaml_that_is_none(tasks):
    for path in tasks.glob("*.yaml"):
        path.unlink()
    (tasks / "broken.yaml").write_text("task: [\n")
    with pytest.raises(SourceError) as wrong:
        read_task(tasks, "choice")
    assert wrong.value.code == "E0619" and "broken.yaml is no YAML of a task" in str(wrong.value)


def test_without_the_library_nothing_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(task_config.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError) as wrong:
        parse_task("lm-eval:none#choice", tmp_path)
    assert wrong.value.code == "E0615" and "infopt-compiler[lm-eval]" in wrong.value.help


def test_identity_is_description_and_data(tasks):
    from infopt_compiler.sources.identity import data_identity

    def identity() -> str:
        return data_identity("lm-eval:tasks#choice", tasks.parent)["digest"]

    first = identity()
    (tasks / "written.yaml").write_text("task: written\n")
    (tasks / "choice.yaml").write_text((tasks / "choice.yaml").read_text() + "\n# no change\n")
    assert identity() == first
    with (tasks / "data" / "docs.jsonl").open("a") as file:
        file.write(json.dumps({"q": "?", "choices": ["a"], "gold": 0}) + "\n")
    assert identity() != first
