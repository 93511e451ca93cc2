"""`python -m infopt_compiler.execute.worker JOB.json DESCRIPTOR`: runs one job and tells how it went.

Exit codes say little (libraries crash while they shut down), so the events count: one `result` or one `error`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import shutil
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import KINDS, DataSpec
from infopt_compiler.execute.channel import Channel, WorkerContext
from infopt_compiler.execute.claims import check_inputs, check_result
from infopt_compiler.execute.job import Job, read_input
from infopt_compiler.passes.base import Earlier, PassError
from infopt_compiler.passes.instance import make_pass
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.plugins import BadPlugin
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.targets.model import Target

_PR_SET_PDEATHSIG = 1
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_SPACE_TEXT = ("No space left on device", "os error 28", "Disk quota exceeded", "File too large")
_NO_MEMORY_TEXT = ("can't allocate memory", "bad_alloc", "Cannot allocate memory", "not enough memory")
_FULL_BYTES = 1 << 20


def main(arguments: list[str]) -> int:
    job = Job(**json.loads(Path(arguments[0]).read_text("utf-8")))
    die_with_parent(job.parent)
    channel = Channel(int(arguments[1]))
    try:
        facts = run_job(job, channel)
        channel.send("result", facts=facts, peak_rss_bytes=peak_rss_bytes())
    except Exception as failure:  # the edge of the process: every failure becomes one event
        traceback.print_exc()
        channel.send("error", peak_rss_bytes=peak_rss_bytes(), **describe(failure, Path(job.staging)))
        return 1
    return 0


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when the build dies, however it dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def run_job(job: Job, channel: Channel) -> dict[str, Any]:
    """Do what the job says; gives the facts. Raises what the pass or the source raises."""
    staging, scratch, work = Path(job.staging), Path(job.scratch), job.work
    if job.kind == "pass":
        return _run_pass(job, channel)
    from infopt_compiler.sources.load import load_data, load_model

    shutil.rmtree(staging)  # an import starts over: what it fetched is in the cache of the sources
    staging.mkdir()
    if job.kind == "model":
        return load_model(work["source"], Path(work["base"]), staging, scratch, channel.progress)
    start, stop = work["share"]
    spec = DataSpec(**work["spec"])
    return load_data(
        work["source"], Path(work["base"]), work["field"], (start, stop), spec, staging, channel.progress
    )


def _run_pass(job: Job, channel: Channel) -> dict[str, Any]:
    import_module(job.work["module"])
    instance = make_pass(find_pass(job.work["pass"]), job.work["parameters"])
    target = Target.from_dict(job.target)
    folders = Path(job.staging), Path(job.scratch)
    earlier = Earlier(Path(job.earlier["path"]), job.earlier["facts"]) if job.earlier else None
    context = WorkerContext(channel, *folders, job.threads, job.seed, target, earlier)
    inputs = {argument: read_input(data) for argument, data in job.work["inputs"].items()}
    check_inputs(instance, inputs)
    facts = instance.run(context, **inputs)
    result = KINDS.find(job.work["output"])(Path(job.staging), "")
    check_result(instance, result, inputs, target)
    return facts


def describe(failure: Exception, staging: Path) -> dict[str, Any]:
    """An exception as plain data: its kind, its message, its help and code if it has them."""
    if isinstance(failure, PassError | SourceError | BadPlugin):
        if _is_full(failure, staging):
            return {"kind": "disk", "message": str(failure)}
        keep = getattr(failure, "keep_staging", False)
        told = {"kind": "told", "code": failure.code, "message": str(failure), "help": failure.help}
        return {**told, "keep": True} if keep else told
    last = traceback.format_exception_only(failure)[-1].strip()
    if _is_full(failure, staging):
        return {"kind": "disk", "message": last}
    if isinstance(failure, MemoryError) or any(text in str(failure) for text in _NO_MEMORY_TEXT):
        return {"kind": "memory", "message": last}
    return {"kind": "exception", "message": last}


def _is_full(failure: BaseException | None, staging: Path) -> bool:
    """Whether a full disk is behind it. Some libraries lose the error number, so the disk itself is asked, too."""
    chain = failure
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in _NO_SPACE:
            return True
        if any(text in str(chain) for text in _NO_SPACE_TEXT):
            return True
        chain = chain.__cause__ or chain.__context__
    if isinstance(failure, PassError | SourceError):
        return False
    return staging.exists() and shutil.disk_usage(staging).free < _FULL_BYTES


def peak_rss_bytes() -> int:
    """The largest resident set of this process and of those that it started (`select` and `tune` measure in such).

    VmHWM for this process: `ru_maxrss` starts at what the parent held when it started us. For our own children that
    start is no more than our own peak.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return max(children, int(line.split()[1]) * 1024)
    return children


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
