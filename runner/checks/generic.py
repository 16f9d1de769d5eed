"""Checks that every engine must pass."""

from __future__ import annotations

import dataclasses
import secrets

from engines import Engine, EngineError, ErrorClass
from runner.checks.registry import ANY_ENGINE, CheckSkipped, Context, check, describe, expect


@check(ANY_ENGINE, "The probe's statement has its one right answer")
def probe_answer(context: Context) -> None:
    """What continuous probes rely on."""
    probe = context.engine.probe
    answer = context.execute(probe.sql)
    expect(answer.rows == probe.expected, f"{probe.sql} gave {answer.rows}, not {probe.expected}")


@check(ANY_ENGINE, "The right user and password are accepted")
def right_credentials(context: Context) -> None:
    """With the credentials of the outputs document."""
    _needs_password(context)
    answer = context.execute("SELECT 1")
    expect(answer.rows == ((1,),), f"SELECT 1 gave {answer.rows}")


@check(ANY_ENGINE, "A wrong password is refused")
def wrong_credentials(context: Context) -> None:
    """The right user with a password made up for this check."""
    _needs_password(context)
    _expect_unauthorized(context, _as(context, password=secrets.token_urlsafe(16)))


@check(ANY_ENGINE, "A user that does not exist is refused")
def unknown_user(context: Context) -> None:
    """A user made up for this check with the right password."""
    _needs_password(context)
    _expect_unauthorized(context, _as(context, user=f"nobody-{secrets.token_hex(4)}"))


@check(ANY_ENGINE, "A statement without credentials is refused")
def missing_credentials(context: Context) -> None:
    """The right user with no password at all."""
    _needs_password(context)
    _expect_unauthorized(context, _as(context, password=None))


def _needs_password(context: Context) -> None:
    if context.endpoint.password is None:
        raise CheckSkipped("the outputs document gives this engine no password: it asks for none")


def _as(context: Context, **changes: str | None) -> Engine:
    return type(context.engine)(dataclasses.replace(context.endpoint, **changes))  # type: ignore[arg-type]


def _expect_unauthorized(context: Context, engine: Engine) -> None:
    error: EngineError = context.refused("SELECT 1", engine=engine)
    expect(error.error_class is ErrorClass.UNAUTHORIZED, f"refused, but not for its credentials: {describe(error)}")
