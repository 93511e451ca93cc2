"""onnxruntime-genai, as data."""

from __future__ import annotations

from infopt_compiler.artifacts.layouts import ONNX_DECODER
from infopt_compiler.runtimes.protocol import Runtime

RUNTIME = Runtime(
    name="onnxruntime-genai",
    serves=(ONNX_DECODER,),
    server="infopt_compiler.runtimes.genai.serve:GenaiServer",
    distributions=("onnxruntime-genai",),
    scores=(ONNX_DECODER,),
    scorer="infopt_compiler.runtimes.genai.score:open_scorable",
)
