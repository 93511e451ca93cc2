"""llama.cpp on the same prompts and windows, where `llama-cpp-python` is installed. Run as a child: `python -m benchmarks.llama JOB`."""

from __future__ import annotations

import itertools
import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

QUANTIZED_AS = {"Q4_0": 2}  # llama.h: enum llama_ftype


def available() -> bool:
    return find_spec("llama_cpp") is not None


def requantize(source: Path, destination: Path, kind: str) -> None:
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = QUANTIZED_AS[kind], True
    status = llama_cpp.llama_model_quantize(str(source).encode(), str(destination).encode(), params)
    if status != 0:
        raise RuntimeError(f"llama.cpp could not requantize {source} to {kind}")


def speed(path: str, prompt: list[int], generate: int, requests: int, threads: int) -> dict[str, Any]:
    """One block: ttft and every gap of `requests` requests, after one that does not count."""
    import llama_cpp

    model = llama_cpp.Llama(
        path, n_ctx=len(prompt) + generate, n_threads=threads, n_threads_batch=threads, verbose=False
    )
    rows = []
    for _ in range(requests + 1):
        model.reset()
        times = [time.perf_counter()]
        model.eval(prompt)
        for _ in range(generate):
            token = model.sample(temp=0.0)
            times.append(time.perf_counter())
            model.eval([token])
        gaps = [b - a for a, b in itertools.pairwise(times[1:])]
        rows.append({"ttft": times[1] - times[0], "gaps": gaps})
    return {"requests": rows[1:]}


def scores(path: str, windows: list[list[int]], reference: str, threads: int) -> dict[str, Any]:
    """Perplexity, mean KL to the reference's log-probabilities (a .npy of windows x positions x vocabulary), top-1."""
    import llama_cpp
    import numpy as np

    logs = np.load(reference, mmap_mode="r")
    length = len(windows[0])
    model = llama_cpp.Llama(
        path,
        n_ctx=length,
        n_batch=length,
        n_ubatch=length,
        n_threads=threads,
        n_threads_batch=threads,
        logits_all=True,
        verbose=False,
    )
    nll, kl, top1 = [], [], []
    for k, ids in enumerate(windows):
        model.reset()
        model.eval(ids)
        ours = _log_softmax(np.array(model.scores[:length], dtype=np.float64))
        theirs = logs[k].astype(np.float64)
        nll.append(-ours[np.arange(length - 1), ids[1:]])
        kl.append((np.exp(theirs) * (theirs - ours)).sum(-1)[:-1])
        top1.append((ours.argmax(-1) == theirs.argmax(-1))[:-1])
    return {
        "perplexity": float(np.exp(np.concatenate(nll).mean())),
        "kl": float(np.concatenate(kl).mean()),
        "top1": float(np.concatenate(top1).mean()),
    }


def _log_softmax(logits: Any) -> Any:
    import numpy as np

    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    result = {"speed": speed, "scores": scores}[job.pop("do")](**job)
    Path(sys.argv[1]).with_suffix(".result").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main()
