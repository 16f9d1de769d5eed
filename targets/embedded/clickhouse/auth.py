"""Who may ask: the three ways in which ClickHouse's HTTP interface takes a user and a password."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message

from targets.embedded.clickhouse.errors import AUTHENTICATION_FAILED, REQUIRED_PASSWORD, ServerError

_FAILED = "Authentication failed: password is incorrect, or there is no user with such name."


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user of the server."""

    user: str
    password: str = field(repr=False)

    def check(self, headers: Message[str, str], parameters: Mapping[str, str]) -> None:
        """Let the request pass, or not.

        Args:
            headers: of the request; ``X-ClickHouse-User`` and ``-Key``, or ``Authorization: Basic``.
            parameters: of the URL; ``user`` and ``password``.

        Raises:
            ServerError: 516 for wrong credentials, 194 when there is no password.
        """
        user, password = _given(headers, parameters)
        # Both are compared, and in constant time, so that the time taken tells nothing about either.
        matches = _same(user, self.user) & _same(password, self.password)
        if not matches:
            raise ServerError(AUTHENTICATION_FAILED if password else REQUIRED_PASSWORD, f"{user}: {_FAILED}")


def _given(headers: Message[str, str], parameters: Mapping[str, str]) -> tuple[str, str]:
    in_headers = headers.get("X-ClickHouse-User", ""), headers.get("X-ClickHouse-Key", "")
    authorization = headers.get("Authorization", "")
    in_url = "user" in parameters or "password" in parameters
    if [any(in_headers), bool(authorization), in_url].count(True) > 1:
        raise ServerError(AUTHENTICATION_FAILED, "Invalid authentication: more than one method is used")
    if any(in_headers):
        return in_headers
    if authorization:
        return _basic(authorization)
    return parameters.get("user", "default"), parameters.get("password", "")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise ServerError(AUTHENTICATION_FAILED, "Invalid authentication: the scheme is not supported, use Basic")
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ServerError(AUTHENTICATION_FAILED, "Invalid authentication: malformed Basic credentials") from error
    return user, password


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
