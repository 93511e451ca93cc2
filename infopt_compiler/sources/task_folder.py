"""A task as an artifact: its description and data in one folder, and lm-eval's own task opened from there."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.artifacts.digest import digest_file, digest_json, digest_listing
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.progress import Tell
from infopt_compiler.sources.reference import HarnessTask
from infopt_compiler.sources.task_config import TaskFiles, read_task
from infopt_compiler.sources.task_files import DATA

DESCRIPTION = "task.json"


@dataclass(frozen=True)
class OpenTask:
    """`task` is lm-eval's, its requests (`task.instances`) built for the documents that count: their numbers are `documents`."""

    task: Any
    documents: tuple[int, ...]


def load_task(
    source: HarnessTask, base: Path, share: tuple[float, float], spec: DataSpec, folder: Path, tell: Tell
) -> dict[str, Any]:
    """Write the task into the empty `folder` as `TaskData`, with the documents drawn and every request built once, so that
    what is wrong with it shows here. SourceError."""
    found = read_task(source.resolve(base), source.task)
    for name, path in found.files.items():
        place = folder / DATA / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    tell(0.0, 1.0, f"reading the documents of {source.task}")
    with _open(source.task, folder, found.config) as task:
        of = len(task.eval_docs)
        documents = _draw(of, share, spec)
        if not documents:
            raise SourceError("E0611", f"no document of `{source.task}` is in that slice: it has {of}")
        _build(task, documents, spec.seed)
        requests = len(task.instances)
    description = {"config": found.config, "documents": documents, "seed": spec.seed}
    (folder / DESCRIPTION).write_text(json.dumps(description, sort_keys=True) + "\n", "utf-8")
    facts = {"sha256": digest_of(found), "output_type": found.config["output_type"]}
    return {**facts, "documents": len(documents), "of_documents": of, "requests": requests}


@contextmanager
def open_task(folder: Path) -> Iterator[OpenTask]:
    """The task of an artifact. SourceError E0615, E0619."""
    said = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    with _open(said["config"]["task"], folder, said["config"]) as task:
        _build(task, said["documents"], said["seed"])
        yield OpenTask(task, tuple(said["documents"]))


def digest_of(found: TaskFiles) -> str:
    """Of the description and the data: what makes two tasks the same."""
    return digest_json([found.config, digest_listing({n: digest_file(p) for n, p in found.files.items()})])


def _draw(of: int, share: tuple[float, float], spec: DataSpec) -> list[int]:
    """The documents of a slice, of which `sample` (0: all) are drawn by `seed`, in their order."""
    inside = range(round(of * share[0]), round(of * share[1]))
    if 0 < spec.sample < len(inside):
        return sorted(random.Random(spec.seed).sample(inside, spec.sample))
    return list(inside)


@contextmanager
def _open(name: str, folder: Path, config: dict[str, Any]) -> Iterator[Any]:
    """What `datasets` caches goes with the context."""
    with tempfile.TemporaryDirectory(prefix="infopt-task-") as cache:
        kwargs = {**config["dataset_kwargs"], "cache_dir": cache}
        kwargs["data_files"] = _below(folder, kwargs["data_files"])
        yield _told(name, lambda: _harness_task({**config, "dataset_kwargs": kwargs}))


def _harness_task(config: dict[str, Any]) -> Any:
    """lm-eval's task. Its templates come with the data, so they run where they can reach nothing."""
    import datasets
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from lm_eval import utils
    from lm_eval.api.task import ConfigurableTask

    datasets.disable_progress_bars()
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    sandbox.filters["regex_replace"] = utils.regex_replace
    utils.env = sandbox
    return ConfigurableTask(config=config)


def _build(task: Any, documents: list[int], seed: int) -> None:
    def build() -> None:
        task.set_fewshot_seed(seed)
        task.build_all_requests(samples=documents)

    _told(str(task.config.task), build)


def _told(name: str, make: Callable[[], Any]) -> Any:
    """lm-eval's own complaints as E0619: whatever it raises, it is about the YAML or the data."""
    try:
        return make()
    except Exception as wrong:
        text = " ".join(str(wrong).split()) or type(wrong).__name__
        raise SourceError("E0619", f"lm-eval cannot make `{name}` of its YAML and data: {text}") from wrong


def _below(folder: Path, files: Any) -> Any:
    if isinstance(files, dict):
        return {key: _below(folder, part) for key, part in files.items()}
    return [_below(folder, part) for part in files] if isinstance(files, list) else str(folder / files)
