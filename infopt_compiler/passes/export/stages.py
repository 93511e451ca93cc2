"""A decoder's graph cut into pipeline stages: each an ONNX model of its own, which plain onnxruntime runs.

The cut lies in front of a layer's first norm, which adds what the layer before wrote into the stream: one stage ends with that
sum, `hidden` (batch, positions, width), the next one begins with it. What hangs on the mask alone is in every stage.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.layouts import ONNX_STAGES
from infopt_compiler.artifacts.onnx_view import link_folder
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.graph import Graph

_IN, _OUT = "hidden_in", "hidden_out"


def split_decoder(whole: Path, out: Path, stages: Sequence[tuple[int, int]]) -> None:
    """Write `stage-<k>/` of an exported decoder, tokenizer and settings beside them, and the index. PassError E0737."""
    for number, (first, last) in enumerate(stages):
        folder = out / f"stage-{number}"
        link_folder(whole, folder)
        _cut(Graph(folder), first, last, is_first=number == 0, is_last=number == len(stages) - 1)
        for file in folder.iterdir():
            if file.name not in ("model.onnx", "model.onnx.data"):
                file.unlink()
    for file in sorted(whole.iterdir()):
        if file.is_file() and not file.name.startswith(("model.onnx", "genai_config")):
            shutil.copyfile(file, out / file.name)
    config = json.loads((whole / "genai_config.json").read_text("utf-8"))
    index = {"stages": [list(stage) for stage in stages], "model": config["model"]}
    (out / ONNX_STAGES.file).write_text(json.dumps(index, indent=1) + "\n", "utf-8")


def _cut(graph: Graph, first: int, last: int, *, is_first: bool, is_last: bool) -> None:
    """Keep what the layers `first` to `last` - 1 need."""
    proto = graph.proto
    width = _width(graph)
    outputs = [one for one in proto.output if _layer_of(one.name) in range(first, last)]
    if is_last:
        outputs = [*[one for one in proto.output if one.name == "logits"], *outputs]
    else:
        outputs = [_end(proto, last, width), *outputs]
    if not is_first:
        proto.input.insert(0, _begin(proto, first, width))
    del proto.output[:]
    proto.output.extend(outputs)
    _keep_needed(proto)
    graph.remove_unused()
    graph.save()


def _layer_of(name: str) -> int:
    """Of `present.3.key`: 3; -1 of others."""
    parts = name.split(".")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else -1


def _first_norm(proto: Any, layer: int) -> Any:
    name = f"/model/layers.{layer}/input_layernorm/"
    found = next((node for node in proto.node if node.name.startswith(name)), None)
    if found is None or found.op_type != "SkipSimplifiedLayerNormalization":
        raise PassError(f"the exported graph has no norm to cut at in front of layer {layer}", code="E0737")
    return found


def _width(graph: Graph) -> int:
    return graph.shape(_first_norm(graph.proto, 1).input[2])[0]


def _value(name: str, width: int) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch_size", "sequence_length", width])


def _end(proto: Any, layer: int, width: int) -> Any:
    """The sum that the first norm of `layer` would make, as an output."""
    from onnx import helper

    norm = _first_norm(proto, layer)
    proto.node.append(helper.make_node("Add", list(norm.input[:2]), [_OUT], name=f"/stage/hidden.{layer}"))
    return _value(_OUT, width)


def _begin(proto: Any, layer: int, width: int) -> Any:
    """The sum comes in: the norm of `layer` reads it, and so does whoever read the stream behind that norm."""
    from onnx import helper

    norm = _first_norm(proto, layer)
    stream = norm.output[3]
    epsilon = next((item.f for item in norm.attribute if item.name == "epsilon"), 1e-5)
    plain = helper.make_node(
        "SimplifiedLayerNormalization",
        [_IN, norm.input[2]],
        [norm.output[0]],
        name=norm.name,
        axis=-1,
        epsilon=epsilon,
        stash_type=1,
    )
    norm.CopyFrom(plain)
    for node in proto.node:
        for place, name in enumerate(node.input):
            if name == stream:
                node.input[place] = _IN
    return _value(_IN, width)


def _keep_needed(proto: Any) -> None:
    """Drop nodes and inputs that no output hangs on."""
    maker = {name: node for node in proto.node for name in node.output if name}
    needed: set[str] = set()
    open_names = [one.name for one in proto.output]
    while open_names:
        name = open_names.pop()
        if name in needed:
            continue
        needed.add(name)
        if name in maker:
            open_names += [one for one in maker[name].input if one]
    nodes = [node for node in proto.node if any(name in needed for name in node.output)]
    inputs = [one for one in proto.input if one.name in needed]
    del proto.node[:], proto.input[:], proto.value_info[:]
    proto.node.extend(nodes)
    proto.input.extend(inputs)
