"""E077x: what `shard` refuses before anything runs."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

SHARD: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0770",
        "degree that the model does not allow",
        "A tensor degree divides attention heads, KV heads and the width of the MLP; a pipeline has at most as many stages "
        "as the model has layers; `experts` divides the number of experts and the tensor degree. The message says which "
        "degrees would do; `auto` leaves the choice to the planner.",
    ),
    CodeInfo(
        "E0771",
        "quantization group that would be cut",
        "Weights that share a scale stay on one rank. A tensor degree cuts the inputs of `o_proj` and `down_proj`, so each "
        "part must be whole groups (and, where zero points are stored, whole bytes of them). Quantize with a smaller group, "
        "or choose another degree.",
    ),
    CodeInfo(
        "E0772",
        "more ranks than devices",
        "tensor x pipeline x sequence x data is the number of devices that a mesh takes. Choose smaller degrees or a target "
        "with more devices; `target cpu` takes any number, as processes of this machine.",
    ),
    CodeInfo(
        "E0773",
        "no mesh that fits",
        "No combination of degrees fits: weights, keys and values of one request, activations and the runtime must find "
        "room in the memory of a device. The notes say what the nearest combination needs.",
    ),
)
