"""`export`: a model as a verified artifact for onnxruntime-genai."""

from infopt_compiler.passes.export.export import Export, Format

__all__ = ["Export", "Format"]
