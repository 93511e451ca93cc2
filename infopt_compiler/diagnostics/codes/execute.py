"""E08xx execution."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

EXECUTE: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0801",
        "a pass raised an exception",
        "The pass failed in a way that its author did not foresee. The log of the step holds the traceback.",
    ),
    CodeInfo(
        "E0802",
        "a pass crashed",
        "The process of the pass ended by a signal, or without giving a result. What finished before stays in the "
        "store; the log of the step holds what the process wrote last.",
    ),
    CodeInfo(
        "E0803",
        "a pass was killed",
        "The process of the pass was killed from outside (SIGKILL): most often the system ran out of memory. "
        "Free memory, or choose a smaller model or less calibration data, and run again; the pass resumes.",
    ),
    CodeInfo(
        "E0804",
        "a pass needed more memory than allowed",
        "The pass went over the ceiling that `engine.memory` sets, or the system refused it memory.",
    ),
    CodeInfo(
        "E0805",
        "the disk is full",
        "Nothing half-written is kept. Free some space (`cache gc`), or set INFOPT_CACHE to another disk.",
    ),
    CodeInfo(
        "E0806",
        "a pass hangs",
        "The pass gave no sign of progress for as long as `engine.hang` allows, and was ended.",
    ),
    CodeInfo(
        "E0807",
        "a graph that cannot be ordered",
        "A binding depends on itself, or on one that does not exist. The checker refuses such recipes.",
    ),
    CodeInfo(
        "E0808",
        "an edge of the wrong type",
        "A pass is given an artifact of a kind that it does not take. The checker refuses such recipes.",
    ),
    CodeInfo(
        "E0809",
        "a pass without output",
        "The pass ended without an error and wrote no file.",
    ),
    CodeInfo(
        "E0810",
        "a log, cache or run folder that cannot be written",
        "The system refused to write. Check the rights of the folder, or set INFOPT_CACHE to another one.",
    ),
    CodeInfo(
        "E0811",
        "no lock file, or a damaged one",
        "`--locked` compares a build with `<recipe>.lock` beside the recipe. `infopt-compile lock RECIPE` writes it.",
    ),
    CodeInfo(
        "E0812",
        "a build that differs from its lock file",
        "A version, a parameter, a source or the digest of an artifact is not what the lock file says; the notes list "
        "what differs. Go back to what the lock file says, or write a new one with `infopt-compile lock RECIPE`.",
    ),
    CodeInfo(
        "E0813",
        "a result that is not final",
        "A pass that chooses by timing was disturbed by other programs, or ran out of time, before everything was decided. "
        "What it chose is used, and kept; the next build takes it up again from there. Run again on a quiet machine, or "
        "give the pass more `time`. `--locked` uses the kept result as it is.",
    ),
)
