"""infopt-compile: compile a declarative recipe into an optimized model that provably meets its budget."""

import os

__version__ = "0.1.0"

NO_TELEMETRY = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime and onnxruntime-genai
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface-hub, and with it transformers and datasets
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Libraries that upload usage unless told otherwise, some of them by a thread within a process that we time. Set here, the
first that runs in any process of ours, before one of them is loaded; whatever such a process starts inherits it."""
os.environ.update(NO_TELEMETRY)
