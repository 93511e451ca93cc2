"""What can go wrong while quantizing, typed; each becomes a diagnostic at the pass's recipe line."""

from __future__ import annotations

from infopt_compiler.passes.base import PassError


class QuantizeError(PassError):
    """An error with a code of its own."""

    own_code = "E0711"

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message, help=help, code=self.own_code)


class NonFinite(QuantizeError):
    """A weight, an activation or a Hessian is infinite or not a number, or a Hessian cannot be factored."""

    own_code = "E0710"


class BadModel(QuantizeError):
    """A tensor is missing or has a shape that cannot be quantized, or the architecture is not a Llama-like decoder."""

    own_code = "E0711"


class NoCalibration(QuantizeError):
    """GPTQ was asked for, but there is no calibration text, or too little for one window."""

    own_code = "E0712"


class CannotWrite(QuantizeError):
    """A finished layer could not be written: the disk is full, most likely."""

    own_code = "E0713"
