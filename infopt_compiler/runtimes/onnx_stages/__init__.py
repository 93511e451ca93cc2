"""Plain onnxruntime, stage by stage: exported pipeline stages."""
