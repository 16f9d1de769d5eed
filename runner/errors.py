"""Errors that end a run with one clear line, and the exit codes."""

from __future__ import annotations

from enum import IntEnum

from pydantic import ValidationError


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    MET = 0
    FAILED = 1
    BAD_INPUT = 2
    COULD_NOT_RUN = 3


class BadInput(Exception):
    """What was given cannot be used: one line that says what, where and what to do instead."""


def first_problem(error: ValidationError) -> str:
    """The first problem of a validation error as one line: key, problem, offending value."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"]) or "the document"
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}; remove or correct it"
    if problem["type"] == "missing":
        return f"{key} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    value = problem.get("input")
    shown = f" (got {value!r})" if isinstance(value, (str, int, float, bool)) or value is None else ""
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


class CouldNotRun(Exception):
    """What was asked for could not be done, through no fault of what was given: exit code 3."""
