"""E03xx: types, units and ranges of values."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

TYPES: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0301",
        "unknown unit",
        "A number and its unit are one word: `600 ms`, `80 tok/s`, `105%`. The help names the nearest unit; units "
        "distinguish capitals (`MB` is 10^6 bytes, `MiB` 2^20).",
    ),
    CodeInfo(
        "E0302",
        "wrong dimension",
        "The number measures something else than what is asked for, such as bytes for a time, or it has no unit. Units are "
        "types: they convert inside a dimension and never across.",
    ),
    CodeInfo(
        "E0303",
        "wrong type",
        "A value of another type is needed here: a number, a word, a string, a list or a bound.",
    ),
    CodeInfo("E0304", "value out of range", "The value lies outside what the parameter or setting can take."),
    CodeInfo(
        "E0305", "value not among the choices", "The parameter takes only the values that the message lists."
    ),
    CodeInfo(
        "E0306",
        "unknown word",
        "The parameter takes one of a few words. A bare word is one of these, or else a `let` that holds one.",
    ),
    CodeInfo(
        "E0307",
        "impossible range of data",
        "A range of data goes from a smaller to a larger share between 0% and 100%; shares count characters and snap to "
        "document boundaries.",
    ),
    CodeInfo(
        "E0308",
        "impossible number",
        "No measured value can be like this, or the number is too large to be exact.",
    ),
    CodeInfo("E0309", "whole number needed", "The value counts something, so it has no fraction."),
    CodeInfo(
        "E0310",
        "setting of another mode",
        "A `server` scenario has a rate of arrivals and a concurrency; the other modes have neither.",
    ),
)
