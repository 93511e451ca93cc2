from __future__ import annotations

import numpy as np
import pytest

from infopt_compiler.runtimes.score import answer, log_softmax, score


def logits(seed: int, tokens: int = 100, vocabulary: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (tokens, vocabulary)).astype(np.float32)


def test_score_is_the_definition() -> None:
    own, reference, ids = logits(0), logits(1), [1, *(k % 7 for k in range(100))]
    found = score(own, ids, reference)
    log_q, log_p = log_softmax(own), log_softmax(reference)
    assert np.exp(log_q).sum(axis=-1) == pytest.approx(1.0)
    assert found["nll"] == pytest.approx(-sum(log_q[t, ids[t + 1]] for t in range(100)))
    assert found["kl"] == pytest.approx((np.exp(log_p) * (log_p - log_q)).sum(axis=-1).tolist())
    assert found["equal"] == (own.argmax(-1) == reference.argmax(-1)).sum()


def test_padding_entries_are_left_out(tmp_path) -> None:
    """An entry that the tokenizer lacks may have any logit: nothing changes."""
    ids, padded = list(range(7)), np.hstack([logits(0, 7), np.full((7, 3), 50.0, np.float32)])
    command = {"ids": ids, "vocabulary": 7}
    assert answer(command, lambda _: padded) == answer(command, lambda _: logits(0, 7))


def test_a_model_narrower_than_its_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="its tokenizer 9"):
        answer({"ids": [0, 1], "vocabulary": 9}, lambda _: logits(0, 2))


def test_logits_pass_between_processes_through_a_file(tmp_path) -> None:
    file, ids = str(tmp_path / "logits.npy"), list(range(7))
    answer({"ids": ids, "vocabulary": 7, "write": file}, lambda _: logits(0, 7))
    found = answer({"ids": ids, "vocabulary": 7, "reference": file}, lambda _: logits(0, 7))
    assert found["kl"] == [0.0] * 6
    assert found["equal"] == 6


def test_a_continuation_is_weighed_after_its_context():
    from infopt_compiler.runtimes.score import continued, log_softmax

    rng = np.random.default_rng(0)
    logits = rng.standard_normal((5, 7)).astype(np.float32)
    command = {"ids": [1, 2, 3], "continued": [4, 5], "vocabulary": 6}
    found = continued(command, lambda ids: logits[: len(ids)])
    log_q = log_softmax(logits[2:4, :6])  # entry 6 is padding
    assert found["log_likelihood"] == pytest.approx(log_q[0, 4] + log_q[1, 5])
    best = log_q.argmax(axis=-1).tolist()
    assert continued({**command, "continued": best}, lambda ids: logits[: len(ids)])["greedy"]
    assert not found["greedy"] or best == [4, 5]
