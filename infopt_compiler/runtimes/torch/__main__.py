"""`python -m infopt_compiler.runtimes.torch DIR PROMPT`: an answer from a float folder that shipped."""

from __future__ import annotations

import sys
from pathlib import Path

from transformers import AutoTokenizer

from infopt_compiler.artifacts.layouts import FLOAT_DECODER
from infopt_compiler.runtimes.torch.score import open_scorable

_MOST = 64  # tokens of an answer that does not end


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or not arguments[1]:
        sys.stderr.write("usage: python -m infopt_compiler.runtimes.torch DIR PROMPT\n")
        return 2
    folder, text = Path(arguments[0]), arguments[1]
    if not FLOAT_DECODER.fits(folder):
        sys.stderr.write(f"{folder} holds no float decoder: no {FLOAT_DECODER.file} says so\n")
        return 1
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.chat_template:
        messages = [{"role": "user", "content": text}]
        text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    ids = tokenizer(text, add_special_tokens=False).input_ids
    sys.stdout.write(tokenizer.decode(open_scorable(folder, folder).generate(list(ids), _MOST)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
