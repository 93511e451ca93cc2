"""`python -m infopt_compiler.runtimes.onnx_stages DIR PROMPT`: an answer from the stages in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from infopt_compiler.artifacts.layouts import ONNX_STAGES
from infopt_compiler.runtimes.onnx_stages.serve import OnnxStages
from infopt_compiler.runtimes.tokens import end_tokens

_MOST = 64  # tokens of an answer that does not end


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or not arguments[1]:
        sys.stderr.write("usage: python -m infopt_compiler.runtimes.onnx_stages DIR PROMPT\n")
        return 2
    folder, text = Path(arguments[0]), arguments[1]
    if not ONNX_STAGES.fits(folder):
        sys.stderr.write(
            f"{folder} holds no stages: it has no {ONNX_STAGES.file}, which `export` of a sharded model writes\n"
        )
        return 1
    sys.stdout.write(_answer(OnnxStages(folder), text) + "\n")
    return 0


def _answer(stages: OnnxStages, text: str) -> str:
    """Up to the end token."""
    ends = end_tokens(stages.model)
    found: list[int] = []
    for (token,) in stages.generate(stages.encode(text), 1, _MOST):
        if token in ends:
            break
        found.append(token)
    return stages.decode(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
