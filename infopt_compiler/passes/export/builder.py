"""Runs the onnxruntime-genai model builder; its chatter goes to the log, its failure becomes a PassError."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from infopt_compiler.passes.base import PassError

Log = Callable[[str], None]


class _LogWriter(io.TextIOBase):
    """A text stream that hands whole lines to a log; progress bars (carriage returns) are left out."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            last = line.rsplit("\r", 1)[-1].strip()
            if last and "it/s]" not in last:
                self._log(last)
        return len(text)


@contextlib.contextmanager
def chatter_to(log: Log) -> Iterator[None]:
    """Send what a library prints, on stdout and stderr, to `log`; its INFO records are dropped."""
    writer = _LogWriter(log)
    quantizer = logging.getLogger("onnxruntime.quantization")
    level = quantizer.level
    quantizer.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(writer), contextlib.redirect_stderr(writer):
            yield
    finally:
        quantizer.setLevel(level)


def run_builder(
    source: Path, output: Path, *, precision: str, options: Mapping[str, str], cache: Path, log: Log
) -> None:
    """Build `source` (a Hugging Face folder) into `output` for the CPU.

    `precision` is fp32 or int4, `options` the builder's `extra_options`. Raises PassError with the
    builder's own message, whatever it raised.
    """
    pairs = [f"{key}={value}" for key, value in options.items()]
    try:
        with chatter_to(log):
            from onnxruntime_genai.models import builder

            arguments = ("", str(source), str(output), precision, "cpu", str(cache))
            prepared = builder.parse_extra_options(*arguments, pairs)
            builder.create_model(*arguments, **prepared)
    except MemoryError:
        raise
    except OSError as failure:
        if failure.errno == errno.ENOSPC:
            raise  # the disk's fault, not the builder's
        raise _failure(failure) from failure
    except (Exception, SystemExit) as failure:  # the builder raises whatever its libraries raise
        raise _failure(failure) from failure
    if not (output / "model.onnx").is_file():
        raise PassError("the onnxruntime-genai builder ended without writing model.onnx", code="E0730")


def _failure(failure: BaseException) -> PassError:
    return PassError(
        f"the onnxruntime-genai builder could not export this model: {type(failure).__name__}: {failure}",
        code="E0730",
        help="The log of the run holds the builder's own output.",
    )
