"""onnxruntime-genai: exported decoders."""
