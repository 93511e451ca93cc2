"""What can go wrong while quantizing, typed; each becomes a diagnostic at the pass's recipe line."""

from __future__ import annotations

from infopt_compiler.passes.base import PassError


class NonFinite(PassError):
    """A weight, an activation or a Hessian is infinite or not a number, or a Hessian cannot be factored."""


class BadModel(PassError):
    """A tensor is missing or has a shape that cannot be quantized, or the architecture is not a Llama-like decoder."""


class NoCalibration(PassError):
    """GPTQ was asked for, but there is no calibration text, or too little for one window."""


class CannotWrite(PassError):
    """A finished layer could not be written: the disk is full, most likely."""
