from __future__ import annotations

from infopt_compiler.runtimes.last_words import last_words

TRACEBACK = """loading
Traceback (most recent call last):
  File "serve.py", line 3, in <module>
    open(folder)
    ^^^^^^^^^^^^
RuntimeError: no such graph
"""


def test_the_message_and_not_the_code_above_it() -> None:
    assert last_words(TRACEBACK) == "loading / RuntimeError: no such graph"
    assert last_words(" \n") == "it said nothing"
    assert len(last_words("x" * 5000)) == 600
