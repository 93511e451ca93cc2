"""E07xx passes."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

PASSES: tuple[CodeInfo, ...] = (
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
        "`method = gptq` observes the model on text. Give `calibrate` a data binding with at least one whole window "
        "of tokens, or use `method = rtn`.",
    ),
    CodeInfo(
        "E0713",
        "a quantized layer could not be written",
        "The operating system refused the write: most likely the disk is full. Layers that are finished are kept; "
        "free some space and build again.",
    ),
)
