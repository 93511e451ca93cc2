"""The runner of pipeline stages, as data."""

from __future__ import annotations

from infopt_compiler.artifacts.layouts import ONNX_STAGES
from infopt_compiler.runtimes.protocol import Runtime

RUNTIME = Runtime(
    name="onnxruntime stages",
    serves=(ONNX_STAGES,),
    server="infopt_compiler.runtimes.onnx_stages.serve:OnnxStagesServer",
    distributions=("onnxruntime",),
    scores=(ONNX_STAGES,),
    scorer="infopt_compiler.runtimes.onnx_stages.serve:open_scorable",
)
