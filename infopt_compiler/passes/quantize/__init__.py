"""The pass `quantize`: integers for the linear weights of a decoder or an encoder, by a method of `methods/`."""

from infopt_compiler.passes.quantize.quantize import Quantize

__all__ = ["Quantize"]
