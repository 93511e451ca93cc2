"""What of a task's YAML is kept: what its own harness scores here, with local data and without code."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.digest import canonical_json
from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.reference import HarnessTask, parse_data_source
from infopt_compiler.sources.task_files import data_files
from infopt_compiler.sources.task_yaml import code_in, find_task

OUTPUT_TYPES = ("multiple_choice", "loglikelihood", "generate_until")
_KEPT = (
    "task", "dataset_path", "dataset_name", "training_split", "validation_split", "test_split", "fewshot_split",
    "doc_to_text", "doc_to_target", "doc_to_choice", "description", "target_delimiter", "fewshot_delimiter",
    "fewshot_config", "num_fewshot", "generation_kwargs", "repeats", "gen_prefix",
)  # fmt: skip
_OF_NO_ACCOUNT = (
    "task_alias", "tag", "group", "metadata", "should_decontaminate", "doc_to_decontamination_query", "unsafe_code",
)  # fmt: skip
_REPLACED = ("output_type", "metric_list", "filter_list", "dataset_kwargs")
_BEYOND = (
    "class",
    "custom_dataset",
    "process_docs",
    "process_results",
    "use_prompt",
    "doc_to_image",
    "doc_to_audio",
)
_MEAN = {"aggregation": "mean", "higher_is_better": True}
_MATCHING = ("regexes_to_ignore", "ignore_case", "ignore_punctuation", "ignore_numbers", "multi_targets")


@dataclass(frozen=True)
class TaskFiles:
    """`config` names files as the artifact will hold them, `files` by those names where they are now."""

    config: dict[str, Any]
    files: dict[str, Path]


def require_harness() -> None:
    """SourceError E0615 where lm-eval is not installed; nothing is imported."""
    if importlib.util.find_spec("lm_eval") is None:
        help = "pip install 'infopt-compiler[lm-eval]'"
        raise SourceError("E0615", "a task needs lm-evaluation-harness, and `lm-eval` is not installed", help)


def parse_task(source: str, base: Path) -> TaskFiles:
    """The task that a source text names; SourceError E0600, and as `read_task`."""
    named = parse_data_source(source)
    assert isinstance(named, HarnessTask)
    return read_task(named.resolve(base), named.task)


def read_task(folder: Path, task: str) -> TaskFiles:
    """The task as far as it counts here. SourceError E0601, E0615 to E0619."""
    require_harness()
    found = find_task(folder, task)
    try:
        kept = _kept(folder, task, found)
        canonical_json(kept.config)
    except (TypeError, ValueError, AttributeError, KeyError) as wrong:
        message = f"a key of `{task}` holds what it cannot hold: {wrong}"
        raise SourceError(
            "E0619", message, "compare with the task format of lm-eval's documentation"
        ) from wrong
    return kept


def _kept(folder: Path, task: str, found: dict[str, Any]) -> TaskFiles:
    _check_keys(task, found)
    config = {key: found[key] for key in _KEPT if found.get(key) is not None}
    config |= _splits(task, config) | _scoring(task, found)
    kwargs, files = data_files(folder, task, found)
    return TaskFiles(config | {"dataset_kwargs": kwargs}, files)


def _check_keys(task: str, found: dict[str, Any]) -> None:
    for key, name in code_in(found):
        message = f"`{task}` runs code of its folder: `{key}: !function {name}`"
        raise SourceError("E0619", message, "do in the data what it does, and describe the rest by templates")
    for key, value in found.items():
        if key in _BEYOND and value is not None:
            raise SourceError(
                "E0619", f"`{key}` of `{task}` is not supported: it takes code, or more than text"
            )
        if key not in (*_KEPT, *_OF_NO_ACCOUNT, *_REPLACED, *_BEYOND):
            hint = did_you_mean(key, (*_KEPT, *_REPLACED))
            raise SourceError("E0619", f"`{task}` has the key `{key}`, which tasks do not have", hint)


def _splits(task: str, config: dict[str, Any]) -> dict[str, Any]:
    """The split that is asked, and that of the examples in front, as lm-eval chooses it. Said by name, for only then it keeps a
    question from being an example of itself."""
    asked = config.get("test_split") or config.get("validation_split")
    if asked is None:
        raise SourceError("E0619", f"`{task}` has neither a `test_split` nor a `validation_split`")
    shown = config.get("fewshot_split") or config.get("training_split") or config.get("validation_split")
    given = "samples" in (config.get("fewshot_config") or {}) or not config.get("num_fewshot")
    return {"test_split": asked} if given else {"test_split": asked, "fewshot_split": shown or asked}


def _scoring(task: str, found: dict[str, Any]) -> dict[str, Any]:
    """The output type, and of the metrics and filters those that `accuracy` is read from."""
    kind = found.get("output_type") or "generate_until"
    if kind not in OUTPUT_TYPES:
        types = ", ".join(f"`{name}`" for name in OUTPUT_TYPES)
        help = f"{types} are; for text as it is there are `perplexity` and `bits_per_byte`"
        raise SourceError("E0618", f"the output type `{kind}` of `{task}` cannot be scored", help)
    if kind == "multiple_choice":
        return {
            "output_type": kind,
            "metric_list": [{"metric": name, **_MEAN} for name in ("acc", "acc_norm")],
        }
    if kind == "loglikelihood":
        return {"output_type": kind, "metric_list": [{"metric": "acc", **_MEAN}]}
    _check_greedy(task, found.get("generation_kwargs") or {})
    filters = found.get("filter_list") or []
    kept = {"filter_list": filters[:1]} if filters else {}
    return {"output_type": kind, "metric_list": [_exact_match(task, found)], **kept}


def _check_greedy(task: str, said: dict[str, Any]) -> None:
    if said.get("do_sample") or float(said.get("temperature") or 0.0) > 0:
        help = "write `do_sample: false`: what is drawn by chance says less of a model"
        raise SourceError("E0618", f"`{task}` draws its answers, and only greedy ones are scored", help)


def _exact_match(task: str, found: dict[str, Any]) -> dict[str, Any]:
    said = found.get("metric_list") or [{"metric": "exact_match"}]
    one = next((row for row in said if row.get("metric") == "exact_match"), None)
    if one is None:
        names = ", ".join(f"`{row.get('metric')}`" for row in said)
        help = "`accuracy` of written answers is `exact_match`: add it to `metric_list`"
        raise SourceError("E0618", f"`{task}` scores what is written by {names}", help)
    return {"metric": "exact_match", **_MEAN, **{key: one[key] for key in _MATCHING if key in one}}
