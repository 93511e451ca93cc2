"""Holds the artifact's own tokenizer against the source's: ids, text, chat template, end of turn."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infopt_compiler.passes.base import PassError

CASES: tuple[str, ...] = (
    "",
    "a",
    " ",
    "  ",
    "   ",
    "\n",
    "\t",
    "  leading",
    "trailing   ",
    "a      b",
    "a  12",
    "a \t 12",
    "x\n12",
    "x\n\n  12",
    "\n\n  x\r\n\ty",
    "\r\r\n\r",
    "line one\r\nline two\r\n",
    " 12 ",
    "Year 2026, 1234.5",
    "0x1F600",
    "1's",
    "it's we're I'LL don't",
    "a_b-c/d",
    "def f(x):\n    return x  # 100%",
    "héllo 世界 🙂",
    "e\u0301 n\u0303 a\u0308\u0323",
    "日本語のテキスト、句読点。",
    "中文字符混合English单词",
    "한국어 문장 ㄱㅏ",
    "مرحبا بالعالم",
    "שלום עולם",
    "👩‍👩‍👧‍👦 family 🇫🇷🏳️‍🌈 👍🏽",
    "½ ² ٣ Ⅷ १२३",
    "\u00a0nbsp\u2003em\u3000全角",
    "\u200bzero\u2028width\ufeffBOM",
    "\x01control\x7f",
    "ﬁ ligature 𝔘𝔫𝔦",
    "<|im_end|",
    "< |im_end| >",
)
"""Where tokenizers differ: empty, spaces, newlines, digits, combining characters, CJK, emoji, controls.

NUL is left out: onnxruntime-genai takes text as a C string and ends it there.
"""

CONVERSATIONS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("user", "What is the capital of France?"),),
    (("system", "Answer in one word."), ("user", "Which colour has the sky?")),
    (("user", "Hi"), ("assistant", "Hello! How can I help?"), ("user", "Sum 12 and 30.")),
    (("user", "  Grüße, 世界 🙂\n\n```py\nx = '1'\n```  "),),
)


def compare_tokenizer(tokenizer: Any, reference: Any, documents: Iterable[str]) -> dict[str, int]:
    """Require equal ids, and equal text back, on CASES, on special tokens in text, and on `documents`.

    `tokenizer` is onnxruntime-genai's, `reference` a transformers tokenizer. Raises PassError (E0734) with
    the text around the first difference and the ids on both sides.
    """
    tokens = 0
    texts = [*CASES, *_with_special_tokens(reference), *documents]
    for text in texts:
        theirs = list(reference(text).input_ids)
        ours = [int(token) for token in tokenizer.encode(text)]
        if ours != theirs:
            raise _ids_failure(text, ours, theirs, reference)
        _compare_decoding(tokenizer, reference, text, theirs)
        tokens += len(theirs)
    return {"texts_compared": len(texts), "tokens_compared": tokens}


def _with_special_tokens(reference: Any) -> list[str]:
    specials = list(dict.fromkeys(reference.all_special_tokens + list(reference.get_added_vocab())))[:32]
    wrapped = [f"before {token}after\n{token} {token}" for token in specials]
    return [*wrapped, "".join(specials)]


def _compare_decoding(tokenizer: Any, reference: Any, text: str, ids: list[int]) -> None:
    import numpy as np

    theirs = reference.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    if not theirs:
        return  # onnxruntime-genai gives U+FFFD for text that is empty
    ours = tokenizer.decode(np.array(ids, dtype=np.int32))
    if ours != theirs:
        at = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), 0)
        raise PassError(
            f"the exported tokenizer decodes differently from the source's: the ids of {_excerpt(text, at)} "
            f"give {_excerpt(ours, at)} in the artifact, {_excerpt(theirs, at)} in the source",
            code="E0734",
        )


def _ids_failure(text: str, ours: list[int], theirs: list[int], reference: Any) -> PassError:
    shared = min(len(ours), len(theirs))
    at = next((i for i in range(shared) if ours[i] != theirs[i]), shared)
    begin = len(reference.decode(theirs[:at], clean_up_tokenization_spaces=False))
    return PassError(
        f"the exported tokenizer gives other ids than the source's at {_excerpt(text, begin)}: "
        f"{ours[max(0, at - 2) : at + 4]} in the artifact, {theirs[max(0, at - 2) : at + 4]} in the source "
        f"(token {at} of {len(theirs)})",
        code="E0734",
        help="onnxruntime-genai does not read every tokenizer.json as Hugging Face does.",
    )


def _excerpt(text: str, at: int) -> str:
    return repr(text[max(0, at - 20) : at + 20])


def compare_chat_template(tokenizer: Any, reference: Any) -> int:
    """Require the same rendered conversations; gives their number, 0 where the source has no template.

    Conversations that the source's template refuses (some know no system role) are left out. Raises
    PassError (E0735).
    """
    if not reference.chat_template:
        return 0
    compared = 0
    for conversation in CONVERSATIONS:
        for prompted in (True, False):
            messages = [{"role": role, "content": content} for role, content in conversation]
            theirs = _render(reference, messages, prompted)
            if theirs is None:
                continue
            _compare_rendering(tokenizer, messages, prompted, theirs)
            compared += 1
    return compared


def _render(reference: Any, messages: list[dict[str, str]], prompted: bool) -> str | None:
    from jinja2 import TemplateError

    try:
        text = reference.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompted)
    except TemplateError:
        return None
    return str(text)


def _compare_rendering(tokenizer: Any, messages: list[dict[str, str]], prompted: bool, theirs: str) -> None:
    try:
        ours = tokenizer.apply_chat_template(messages=json.dumps(messages), add_generation_prompt=prompted)
    except Exception as failure:
        raise PassError(
            f"onnxruntime-genai cannot render the chat template: {failure}", code="E0735"
        ) from failure
    if ours != theirs:
        raise PassError(
            f"the exported chat template renders differently: {ours!r} in the artifact, {theirs!r} in the source",
            code="E0735",
        )


def compare_end_tokens(artifact: Path, source: Path, reference: Any) -> list[int]:
    """Require that the artifact stops where the source says, and where its chat template ends a turn.

    Gives the end tokens' ids. Raises PassError (E0736).
    """
    ours = _ids(json.loads((artifact / "genai_config.json").read_text("utf-8"))["model"]["eos_token_id"])
    theirs = _source_end_tokens(source) | _ids(reference.eos_token_id)
    if ours != theirs:
        raise _end_failure(
            f"the artifact stops at {_named(ours, reference)}, the source says {_named(theirs, reference)}"
        )
    end, begin = _turn_tokens(reference)
    if end is not None and end not in ours:
        raise _end_failure(
            f"the chat template ends a turn with {_named({end}, reference)}, at which the artifact does not stop"
        )
    if begin is not None and begin in ours and begin != end:
        raise _end_failure(
            f"the artifact stops at {_named({begin}, reference)}, with which the chat template begins a turn"
        )
    return sorted(ours)


def _ids(value: Any) -> set[int]:
    if value is None:
        return set()
    return {int(token) for token in (value if isinstance(value, list) else [value])}


def _source_end_tokens(source: Path) -> set[int]:
    """generation_config.json's where it names any, else config.json's: the order of transformers."""
    for name in ("generation_config.json", "config.json"):
        file = source / name
        if file.is_file():
            found = _ids(json.loads(file.read_text("utf-8")).get("eos_token_id"))
            if found:
                return found
    return set()


def _turn_tokens(reference: Any) -> tuple[int | None, int | None]:
    """The special tokens that end an assistant's turn and that begin the next one, by the chat template."""
    if not reference.chat_template:
        return None, None
    marker = "marker"
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": marker}]
    closed, opened = _render(reference, messages, False), _render(reference, messages[:1], True)
    plain = _render(reference, messages[:1], False)
    if closed is None or opened is None or plain is None:
        return None, None
    return (
        _first_special(reference, closed.rpartition(marker)[2]),
        _first_special(reference, opened.removeprefix(plain)),
    )


def _first_special(reference: Any, text: str) -> int | None:
    ids = reference(text, add_special_tokens=False).input_ids
    specials = set(reference.all_special_ids) | set(reference.get_added_vocab().values())
    return ids[0] if ids and ids[0] in specials else None


def _named(ids: set[int], reference: Any) -> str:
    return (
        ", ".join(f"{token} ({reference.convert_ids_to_tokens(token)})" for token in sorted(ids)) or "nothing"
    )


def _end_failure(message: str) -> PassError:
    return PassError(
        f"the exported model would not end its turns: {message}",
        code="E0736",
        help="Set `eos_token` in tokenizer_config.json and `eos_token_id` in generation_config.json of the source.",
    )
