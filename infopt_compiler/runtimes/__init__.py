"""The runtimes: each opens an artifact as a user would, to serve requests and to score text.

A room each (`genai`, `onnxruntime`, `onnx_stages`, `ranks`, `torch`), behind one description (`protocol.Runtime`) that names
what it opens; `registry` has them all, and those of packages. To add one: docs/architecture.md.
"""
