"""Options and the one target of the suite: ``pytest tests/reliability --target embedded``, or an outputs document."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.checks import catalogue, kinds
from runner.targets import EMBEDDED, open_target
from targets.base import Target, TargetError


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reliability", "functionality checks on a target")
    group.addoption("--target", default=EMBEDDED, help="embedded (default), or the path of an outputs document")
    group.addoption("--engine", action="append", choices=kinds(), help="only this engine; may be repeated")


def _engines(config: pytest.Config) -> tuple[str, ...] | None:
    return tuple(config.getoption("engine", None) or ()) or None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each check of each engine is a test of its own."""
    if {"kind", "entry"} <= set(metafunc.fixturenames):
        pairs = [(kind, entry) for kind in _engines(metafunc.config) or kinds() for entry in catalogue(kind)]
        metafunc.parametrize(("kind", "entry"), pairs, ids=[f"{kind}/{entry.name}" for kind, entry in pairs])


@pytest.fixture(scope="package")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The target, opened once for the suite; the embedded one on the engines that the whole session shares."""
    # Without this directory on the command line its options do not exist: then the default serves.
    spec = request.config.getoption("target", EMBEDDED)
    try:
        if spec == EMBEDDED and _engines(request.config) is None:
            request.getfixturevalue("kept_instance")
        with open_target(spec, engines=_engines(request.config)) as opened:
            yield opened
    except TargetError as error:
        pytest.fail(str(error), pytrace=False)
