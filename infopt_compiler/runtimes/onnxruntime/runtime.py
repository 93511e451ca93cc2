"""onnxruntime, as data."""

from __future__ import annotations

from infopt_compiler.artifacts.layouts import ONNX_ENCODER
from infopt_compiler.runtimes.protocol import Answers, Runtime

RUNTIME = Runtime(
    name="onnxruntime",
    serves=(ONNX_ENCODER,),
    server="infopt_compiler.runtimes.onnxruntime.serve:EncoderServer",
    distributions=("onnxruntime", "tokenizers"),
    answers=Answers.vectors,
)
