"""Tasks as artifacts, opened by lm-eval itself. Skipped where the extra `lm-eval` is not installed."""

from __future__ import annotations

import pytest

pytest.importorskip("lm_eval", reason="the extra `lm-eval` is not installed")

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.sources import SourceError
from infopt_compiler.sources.identity import data_identity
from infopt_compiler.sources.load import load_data
from infopt_compiler.sources.task_folder import open_task
from tests.sources.tasks import write_tasks

pytestmark = pytest.mark.slow


def quiet(*_: object) -> None: ...


def load(root, task, *, share=(0.0, 1.0), spec=None):
    folder = root / f"artifact-{task}"
    folder.mkdir()
    return folder, load_data(f"lm-eval:tasks#{task}", root, "text", share, spec or DataSpec(), folder, quiet)


def test_a_task_is_whole_without_its_folder(tmp_path):
    tasks = write_tasks(tmp_path)
    folder, facts = load(tmp_path, "choice", share=(0.5, 1.0), spec=DataSpec(sample=4, seed=1))
    assert (facts["documents"], facts["of_documents"], facts["requests"]) == (4, 12, 12)
    assert facts["sha256"] == data_identity("lm-eval:tasks#choice", tmp_path)["digest"]
    tasks.rename(tmp_path / "gone")
    with open_task(folder) as opened:
        assert len(opened.documents) == 4 and min(opened.documents) >= 6
        asked = [one.args for one in opened.task.instances[:3]]
    assert {text for text, _ in asked} == {f"Question: Which word is number {opened.documents[0]}?\nAnswer:"}
    assert [choice for _, choice in asked] == [" alpha", " beta town", " gamma"]


def test_no_question_is_its_own_example(tmp_path):
    write_tasks(tmp_path)
    folder, _ = load(tmp_path, "written")
    with open_task(folder) as opened:
        for one in opened.task.instances:
            assert one.args[0].count(one.doc["q"]) == 1 and one.args[0].count("Question:") == 3


@pytest.mark.parametrize("task", ["fieldless", "nosy"])
def test_a_template_that_reaches_what_it_may_not(tmp_path, task):
    """A field that the documents lack, or the insides of Python: both are told, nothing runs."""
    write_tasks(tmp_path)
    with pytest.raises(SourceError) as wrong:
        load(tmp_path, task)
    assert wrong.value.code == "E0619" and f"lm-eval cannot make `{task}`" in str(wrong.value)


def test_a_slice_without_documents(tmp_path):
    write_tasks(tmp_path)
    with pytest.raises(SourceError) as wrong:
        load(tmp_path, "choice", share=(0.5, 0.51))
    assert wrong.value.code == "E0611"
