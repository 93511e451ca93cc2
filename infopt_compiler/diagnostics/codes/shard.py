"""E077x: what `shard` refuses before anything runs; E078x: what goes wrong with shards and ranks."""

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
        "with more devices; `target cpu` takes 64, as processes of this machine.",
    ),
    CodeInfo(
        "E0773",
        "no mesh that fits",
        "No combination of degrees fits: weights, keys and values of one request, activations and the runtime must find "
        "room in the memory of a device. The notes say what the nearest combination needs.",
    ),
    CodeInfo(
        "E0780",
        "no sharded model, or a shard is missing",
        "The folder lacks `shards.json` or one of the files that it lists; the message names the file and the ranks that "
        "read it. Copy the folder whole, or build it again.",
    ),
    CodeInfo(
        "E0781",
        "a shard is damaged",
        "A file of the sharded model is cut short, or its bytes are not those that were written. Copy the folder again, or "
        "build it again.",
    ),
    CodeInfo(
        "E0782",
        "wrong number of processes",
        "A sharded model runs on as many ranks as its mesh says; torchrun was started with another number. The message says "
        "both.",
    ),
    CodeInfo(
        "E0783",
        "port in use",
        "Ranks meet at a port of the first machine, and another program holds the one that was asked for. Choose another "
        "one; without `--port` a free one is chosen.",
    ),
    CodeInfo(
        "E0784",
        "a rank died",
        "The process of a rank was killed, crashed or raised an error; the message names the rank and its log, and all other "
        "ranks were ended. SIGKILL is how a machine out of memory ends a process.",
    ),
    CodeInfo(
        "E0785",
        "a rank does not answer",
        "The other ranks waited for one longer than the time limit. All were ended; the message names the rank and its log.",
    ),
    CodeInfo(
        "E0786",
        "the shards compute something else",
        "Logits of the sharded run must equal those of the whole model in transformers to 2e-4, in prefill and decode, and "
        "greedy tokens must be the same where the model itself is not undecided. The message says where they differ. This is "
        "a fault of the runtime, or of a feature of the model that it does not know.",
    ),
    CodeInfo(
        "E0787",
        "a model that cannot run in shards",
        "The runtime computes decoders that are built as Llama's are, and mixtures of experts as Mixtral's and Qwen3's. The "
        "message names the feature that it does not compute.",
    ),
    CodeInfo(
        "E0788",
        "shards that could not be written",
        "The operating system refused to read the model or to write the files: most likely the disk is full; or the folder "
        "that a model is to be merged into holds files.",
    ),
    CodeInfo(
        "E0789",
        "ONNX stages that compute something else",
        "The stages of a sharded model, run one after the other by onnxruntime, must give the logits of the whole graph to "
        "2e-4. This is a fault of the export or of the runtime.",
    ),
)
