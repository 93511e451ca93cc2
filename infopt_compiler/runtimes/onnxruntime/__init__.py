"""Plain onnxruntime: exported encoders."""
