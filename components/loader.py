"""Read the stack's configuration into :class:`Settings`, or say in one line what is wrong with it."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping

import pulumi
from pydantic import ValidationError

from components.settings import Settings

_KEYS = {field.alias or name: field for name, field in Settings.model_fields.items()}


class BadSetting(Exception):
    """One line: which key, its value, and what is allowed."""


def load(project: str, raw: Mapping[str, str]) -> Settings:
    """Settings from Pulumi's view of the configuration.

    Args:
        project: the project's name; keys of other namespaces are not ours.
        raw: ``namespace:key`` to text, as the Pulumi engine passes it (numbers, booleans and objects as JSON).

    Raises:
        BadSetting: a key is unknown or a value is not allowed.
    """
    ours = {key.split(":", 1)[1]: text for key, text in raw.items() if key.startswith(f"{project}:")}
    for key in ours:
        if key not in _KEYS:
            raise BadSetting(f"{project}:{key}: there is no such setting{_hint(key)}")
    values = {key: _parse(project, key, text) for key, text in ours.items()}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise BadSetting(_line(project, error)) from None


def _hint(key: str) -> str:
    near = difflib.get_close_matches(key, _KEYS, n=1)
    return f"; did you mean {near[0]}?" if near else "; Pulumi.yaml lists all of them"


def _parse(project: str, key: str, text: str) -> object:
    if _KEYS[key].annotation is str or not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise BadSetting(f"{project}:{key}: is not JSON") from None


def _line(project: str, error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not problem["loc"]:
        return f"{project}:{message}"
    first, *rest = [str(part) for part in problem["loc"] if not str(part).startswith(("function-", "constrained-"))]
    key = ".".join([first, *(part for part in rest if part not in {"str", "SecretKey"})])
    value = problem["input"]
    shown = f" = {value!r}" if isinstance(value, (str, int)) else ""
    return f"{project}:{key}{shown}: {_allowed(message)}"


def _allowed(message: str) -> str:
    """Pydantic's words as a rule: ``should be greater than or equal to 1`` becomes ``must be at least 1``."""
    for theirs, ours in (
        ("should be greater than or equal to", "must be at least"),
        ("should be less than or equal to", "must be at most"),
        ("String should match pattern", "must match"),
        ("should be a valid integer, unable to parse string as an integer", "must be a whole number"),
        ("should be a valid boolean, unable to interpret input", "must be true or false"),
        ("should be", "must be"),
    ):
        if message.startswith(theirs):
            return message.replace(theirs, ours, 1)
    return message


def load_from_pulumi() -> Settings:
    """The settings of the stack that is being updated.

    Raises:
        pulumi.RunError: one line; Pulumi shows it without a traceback, and nothing has been registered.
    """
    try:
        return load(pulumi.get_project(), json.loads(os.environ.get("PULUMI_CONFIG", "{}")))
    except BadSetting as error:
        raise pulumi.RunError(str(error)) from None
