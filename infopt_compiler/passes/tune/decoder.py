"""An exported decoder as settings: reading what it has, deriving a variant, opening the result once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.onnx_view import is_pruned, read_graph
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export import nodes
from infopt_compiler.passes.tune.settings import Available, DecoderSettings, thread_counts

_SMOKE_TEXT = "The quick brown fox jumps over the lazy dog. Numbers: 3.14 and 42."
_SMOKE_TOKENS = 8  # decoded after the prompt: prefill and decode take different kernels
_LOGIT_TOLERANCE = 1e-2  # float sums in another order; what levels change is measured as KL


def read_settings(folder: Path) -> DecoderSettings:
    """The settings that an artifact comes with."""
    config = json.loads((folder / "genai_config.json").read_text("utf-8"))
    options = config["model"]["decoder"].get("session_options") or {}
    model = read_graph(folder)
    body, head = _levels(model)
    names = [node.name for node in model.graph.node if node.op_type == "MatMulNBits"]
    return DecoderSettings(
        threads=int(options.get("intra_op_num_threads") or 0),
        accuracy_level=body,
        head_accuracy_level=head,
        prune_head=is_pruned(model),
        fuse_gate_up=any(nodes.GATE_UP in name for name in names),
        separate_qkv=bool(names) and not any(nodes.QKV in name for name in names),
    )


def available_values(folder: Path, most_threads: int) -> Available:
    """What can be set on this artifact: thread counts always, the others where its graph has the nodes."""
    graph = read_graph(folder).graph
    names = {node.name for node in graph.node if node.op_type == "MatMulNBits"}
    found: Available = {"threads": list(thread_counts(most_threads))}
    if any(not name.startswith(nodes.HEAD) for name in names):
        found["accuracy_level"] = [0, 4]
    if any(name.startswith(nodes.HEAD) for name in names):
        found["head_accuracy_level"] = [0, 4]
    if any(node.name.startswith(nodes.HEAD_PRODUCT) for node in graph.node):
        found["prune_head"] = [True]
    if any(name.endswith(f"/mlp/{nodes.GATE}/MatMulNBits") for name in names):
        found["fuse_gate_up"] = [True]
    if any(name.endswith(f"/{nodes.QKV}/MatMulNBits") for name in names):
        found["separate_qkv"] = [True]
    return found


def make_variant(
    source: Path, destination: Path, default: DecoderSettings, settings: DecoderSettings
) -> None:
    """The artifact `source`, which has `default`, with `settings` instead; files that do not change are hard links.

    `destination` is new or empty. Raises PassError (E0737) where the graph does not allow it.
    """
    from infopt_compiler.passes.export import variants

    changes = settings.changes(default)
    derived = variants.Settings(
        threads=changes.get("threads"),
        accuracy_level=changes.get("accuracy_level"),
        head_accuracy_level=_head_level(changes, default),
        fuse_gate_up=changes.get("fuse_gate_up", False),
        separate_qkv=changes.get("separate_qkv", False),
        prune_head=changes.get("prune_head", False),
    )
    variants.derive(source, destination, derived)


def check_artifact(folder: Path, source: Path, *, same_numbers: bool) -> None:
    """Open the artifact once more and decode greedily.

    With `same_numbers` (no accuracy level was changed) its logits are held against those of `source`, on the same
    tokens. Raises PassError (E0745) where they differ or are not finite.
    """
    import numpy as np

    ids, logits = _decode(folder, None)
    if not np.isfinite(logits).all():
        raise PassError("the tuned artifact gives logits that are not finite", code="E0745")
    if same_numbers:
        _, expected = _decode(source, ids)
        difference = float(np.abs(logits - expected).max())
        if difference > _LOGIT_TOLERANCE:
            raise PassError(
                f"the tuned artifact's logits differ from the untuned one's by {difference:.3g}, "
                f"more than {_LOGIT_TOLERANCE}, though only its speed should change",
                code="E0745",
            )


def _decode(folder: Path, forced: list[int] | None) -> tuple[list[int], Any]:
    """Tokens decoded after a short prompt (the greedy ones, else `forced`), and the logits behind each."""
    import numpy as np
    import onnxruntime_genai

    from infopt_compiler.passes.export.runtime import open_model, open_tokenizer

    model = open_model(folder)
    prompt = np.asarray(open_tokenizer(model).encode(_SMOKE_TEXT), np.int32)
    parameters = onnxruntime_genai.GeneratorParams(model)
    parameters.set_search_options(max_length=len(prompt) + _SMOKE_TOKENS + 1, do_sample=False)
    generator = onnxruntime_genai.Generator(model, parameters)
    generator.append_tokens(prompt)
    ids: list[int] = []
    rows = []
    for step in range(_SMOKE_TOKENS):
        row = np.array(generator.get_output("logits"), np.float32)[0, -1]
        rows.append(row)
        ids.append(int(row.argmax()) if forced is None else forced[step])
        generator.append_tokens(np.array(ids[-1:], np.int32))
    return ids, np.stack(rows)


def _levels(model: Any) -> tuple[int, int]:
    """Accuracy levels of the layers' and of the head's `MatMulNBits`; 0 where there is none."""
    body, head = 0, 0
    for node in model.graph.node:
        if node.op_type != "MatMulNBits":
            continue
        level = next((int(item.i) for item in node.attribute if item.name == "accuracy_level"), 0)
        if node.name.startswith(nodes.HEAD):
            head = level
        else:
            body = max(body, level)
    return body, head


def _head_level(changes: dict[str, Any], default: DecoderSettings) -> int | None:
    """The head's level, said where the layers' changes, which would change it, too."""
    if "head_accuracy_level" in changes:
        return int(changes["head_accuracy_level"])
    return default.head_accuracy_level if "accuracy_level" in changes else None
