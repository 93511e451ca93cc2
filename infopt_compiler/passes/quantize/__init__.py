"""The pass `quantize`: integers for the linear weights of a decoder, by rounding to nearest or by GPTQ."""

from infopt_compiler.passes.quantize.quantize import Method, Quantize

__all__ = ["Method", "Quantize"]
