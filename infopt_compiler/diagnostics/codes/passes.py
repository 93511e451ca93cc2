"""E07xx passes."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

PASSES: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0700",
        "a pass cannot go on",
        "The pass says why in its message; a pass of another package that has no code of its own for it uses this one.",
    ),
    CodeInfo(
        "E0710",
        "numbers that are not finite",
        "A weight of the model, an activation on the calibration text, or the Hessian made from them is infinite or "
        "undefined, so that quantizing would write nonsense. The message names the tensor. Check the source model; "
        "for a Hessian, raise `damp`.",
    ),
    CodeInfo(
        "E0711",
        "the model cannot be quantized",
        "A weight is missing, has another shape than config.json says, or a file is damaged; or the decoder's layers "
        "are not built as Llama's are. The message names the tensor or the file. Fetch the model again, or choose "
        "another.",
    ),
    CodeInfo(
        "E0712",
        "no calibration text",
        "Some methods, `gptq` among them, observe the model on text. Give `calibrate` a data binding with at least one "
        "whole window of tokens, or use `method = rtn`.",
    ),
    CodeInfo(
        "E0713",
        "a quantized layer could not be written",
        "The operating system refused the write: most likely the disk is full. Layers that are finished are kept; "
        "free some space and build again.",
    ),
    CodeInfo(
        "E0730",
        "the ONNX builder failed",
        "onnxruntime-genai's model builder raised an error, which the message repeats; its own output is in the run's "
        "log. Most often it does not know a feature of the model's config.json.",
    ),
    CodeInfo(
        "E0731",
        "the exported model does not load",
        "onnxruntime-genai refused to open the artifact; the message is its reason. Check that the versions of "
        "onnxruntime and onnxruntime-genai are those of the constraints file.",
    ),
    CodeInfo(
        "E0732",
        "the exported weights are not the quantized ones",
        "The integers, scales and zero points in the graph are compared bit for bit with the quantized model's. The "
        "message names the node, the first difference and both values. This is a fault of the export.",
    ),
    CodeInfo(
        "E0733",
        "the exported model computes something else",
        "At accuracy level 0 the artifact's logits must equal torch's, on the same weights, to 1e-3. The message names "
        "prompt, position, token and both values. This is a fault of the export or of the runtime.",
    ),
    CodeInfo(
        "E0734",
        "the exported tokenizer gives other ids",
        "The artifact's own tokenizer, as onnxruntime-genai reads it, must give the ids and the text of the source's "
        "tokenizer on a whole corpus and on difficult cases. The message shows the text around the first difference "
        "and the ids on both sides.",
    ),
    CodeInfo(
        "E0735",
        "the exported chat template renders differently",
        "Conversations rendered by the artifact and by the source's tokenizer must be equal. The message shows both.",
    ),
    CodeInfo(
        "E0736",
        "the exported model would not end its turns",
        "The tokens at which the artifact stops must be the source's, include the one that ends a turn in the chat "
        "template, and not the one that begins a turn. Repair eos_token in the source's tokenizer_config.json and "
        "eos_token_id in its generation_config.json.",
    ),
    CodeInfo(
        "E0737",
        "a runtime setting cannot be applied",
        "The graph lacks the nodes that a fusion needs, or the value is none of the operator's. The message says which.",
    ),
    CodeInfo(
        "E0738",
        "the artifact could not be written",
        "The operating system refused to read the model or to write the artifact: most likely the disk is full. Nothing "
        "is kept; free some space and build again.",
    ),
    CodeInfo(
        "E0739",
        "an encoder of another kind",
        "Encoders are written as BERT has them: GELU, absolute positions, pooled by the mean of the tokens or by the "
        "first one. The message says what this model has instead.",
    ),
    CodeInfo(
        "E0740",
        "no candidate fits the target",
        "Weights at `bits` per weight, the keys and values of `context` tokens and the runtime must fit the memory of "
        "the target. The message gives what each candidate needs. Choose a smaller model or a larger target, or say "
        "with `bits` that a later pass quantizes it.",
    ),
    CodeInfo(
        "E0741",
        "no candidate meets the requirements",
        "Every candidate that fits was measured and misses something in `require`; the message says what, and by how "
        "much. Loosen the requirement or add a candidate.",
    ),
    CodeInfo(
        "E0742",
        "perplexity across tokenizers",
        "Perplexity counts per token, so it compares only models that cut text into the same tokens. Require "
        "`bits_per_byte`, which counts per byte of text.",
    ),
    CodeInfo(
        "E0743",
        "a candidate cannot be measured",
        "The model does not load, the text is missing or too short for one window, or the scoring process failed; the "
        "message says which.",
    ),
    CodeInfo(
        "E0745",
        "the tuned artifact computes something else",
        "Threads, fusions and head pruning must leave the logits as they were, and every tuned artifact is opened and "
        "decoded from once more. This is a fault of a variant or of the runtime; leave `tune` out to go on.",
    ),
    CodeInfo(
        "E0746",
        "the artifact cannot be tuned",
        "The artifact cannot be served as it came, or the cost of an accuracy level could not be measured; the message "
        "repeats the reason of the runtime.",
    ),
    CodeInfo(
        "E0750",
        "the model cannot be distilled",
        "The arguments of `distill` do not fit together, or not to this model; the message says which and why.",
    ),
    CodeInfo(
        "E0751",
        "teacher and student have different tokenizers",
        "A student is trained on the teacher's distribution over the vocabulary, so both must have the same tokens with the same "
        "ids. The message names the first token that differs. Choose a student of the same family, or let one be "
        "made from the teacher with `layers` or `size`.",
    ),
    CodeInfo(
        "E0752",
        "nothing to train on",
        "The text given to `distill` is empty or fills fewer than two windows of tokens. Give more text, or a smaller "
        "`window`; texts that are trained on together are cut into windows of one length.",
    ),
    CodeInfo(
        "E0753",
        "the training loss is not finite",
        "The loss or its gradient became infinite or undefined, so that going on would destroy the student. The message "
        "names the step. The last good checkpoint is kept where the message says. Lower `learning_rate`, raise "
        "`warmup`, or use `precision = float32`.",
    ),
    CodeInfo(
        "E0754",
        "teacher and student do not fit the memory",
        "Distilling holds the teacher once, and the student with its gradients and optimizer states. The message "
        "gives both sums. Choose a smaller teacher or student, or train fewer layers (`freeze = shared`).",
    ),
    CodeInfo(
        "E0755",
        "the student cannot be trained",
        "The student has another architecture than Llama-like decoders have, lacks weights, or its vocabulary is not the "
        "teacher's. The message says which.",
    ),
)
