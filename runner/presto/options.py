"""The script's options, checked before anything is started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from benchmarks.tpch.foreign import scale_factor_of
from benchmarks.tpch.power import Execution
from engines import Endpoint
from engines.tpch import schema_name
from runner.errors import BadInput
from runner.options import check_output

PASSWORD_VARIABLE = "TRINO_PASSWORD"  # noqa: S105 - its name, not its value
LARGEST_VALIDATED = 10.0
TLS_PORTS = (443, 8443)
STANDARD_OUTPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Place:
    """Tables that are there already."""

    catalog: str
    schema: str


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        endpoint: the server; ``None`` means the embedded one.
        place: its tables; ``None`` means that the embedded server loads the data set.
        factor: the tables' scale factor, where it is known.
        queries: numbers, in order.
        execution: how each is run.
        output: where the JSON document goes; ``-`` is standard output, ``None`` nowhere.
        unvalidated: why answers are not compared; empty when they are.
    """

    endpoint: Endpoint | None
    place: Place | None
    factor: float | None
    queries: tuple[int, ...]
    execution: Execution
    output: Path | None
    unvalidated: str


@dataclass(frozen=True, slots=True)
class Server:
    """The options that say where the server is, as given."""

    host: str | None
    port: int | None
    user: str | None
    https: bool | None
    ca: Path | None
    password_file: Path | None
    ask_password: bool

    def endpoint(self) -> Endpoint | None:
        """The server, or ``None`` without a host.

        Raises:
            BadInput: options that do not go together, or a file that cannot be read.
        """
        if self.host is None:
            self._refuse_without_host()
            return None
        if not self.host or any(character in self.host for character in "/@ ") or self.host.count(":") == 1:
            raise BadInput(f"--host {self.host!r}: give a name or address only, with --port and --https beside it")
        password = self._password()
        https = self._uses_https(password)
        if self.ca is not None and not self.ca.is_file():
            raise BadInput(f"--ca {self.ca}: no such file")
        scheme: Literal["http", "https"] = "https" if https else "http"
        return Endpoint(
            kind="trino",
            host=f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host,
            port=self.port or (8443 if https else 8080),
            scheme=scheme,
            user=self.user or "benchmark",
            password=password,
            ca_file=self.ca,
        )

    def _refuse_without_host(self) -> None:
        given = {
            "--port": self.port,
            "--user": self.user,
            "--https": self.https,
            "--ca": self.ca,
            "--password-file": self.password_file,
            "--ask-password": self.ask_password or None,
        }
        if lonely := [name for name, value in given.items() if value is not None]:
            raise BadInput(f"{lonely[0]} needs --host; without it the embedded server is started")

    def _uses_https(self, password: str | None) -> bool:
        https = self.https
        if https is None:
            https = password is not None or self.ca is not None or self.port in TLS_PORTS
        if not https and password is not None:
            raise BadInput(f"a password goes over https only: leave out --http, or unset {PASSWORD_VARIABLE}")
        if not https and self.ca is not None:
            raise BadInput("--ca is for https: leave out --http or --ca")
        return https

    def _password(self) -> str | None:
        if self.ask_password:
            return str(click.prompt("Password", hide_input=True, err=True))
        if self.password_file is None:
            return os.environ.get(PASSWORD_VARIABLE) or None
        try:
            return self.password_file.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise BadInput(f"--password-file {self.password_file}: {reason}") from error


def place_and_factor(
    *, host: str | None, catalog: str | None, schema: str | None, factor: float | None
) -> tuple[Place | None, float | None]:
    """The tables, and their scale factor where it is known.

    Raises:
        BadInput: neither schema nor scale factor is given, or they contradict each other.
    """
    if schema is not None:
        told = scale_factor_of(schema)
        if factor is not None and told is not None and told != factor:
            raise BadInput(f"--schema {schema} and --scale-factor {factor:g} contradict each other; leave one out")
        return Place(catalog or "tpch", schema), factor or told
    if host is None and catalog is None:
        return None, factor or 0.1
    if factor is None:
        raise BadInput("give --schema (like sf1), or --scale-factor")
    return Place(catalog or "tpch", f"sf{factor:g}" if catalog in {None, "tpch"} else schema_name(factor)), factor


def reason_not_to_validate(factor: float | None, *, validate: bool | None) -> str:
    """Why answers are not compared; empty when they are.

    Raises:
        BadInput: validation was asked for and cannot be had.
    """
    if validate is False:
        return "--no-validate was given"
    if factor is None:
        if validate:
            raise BadInput("--validate needs a scale factor: the schema's name tells none, so give --scale-factor")
        return "the schema's name tells no scale factor; give --scale-factor"
    if factor > LARGEST_VALIDATED and not validate:
        size = 0.363 * factor
        return f"scale factor {factor:g} is above {LARGEST_VALIDATED:g}; --validate generates its {size:.0f} GB here"
    return ""


def check_output_file(output: Path | None) -> None:
    """See that the output file can be written.

    Raises:
        BadInput: it cannot.
    """
    if output is None or output == STANDARD_OUTPUT:
        return
    if output.is_dir():
        raise BadInput(f"--output {output}: this is a directory; name a file")
    check_output(output.parent)
