"""Outputs documents: what is said of bad ones, and a target over endpoints that something else runs."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from targets.base import BadOutputs, Capacity, NetworkControl, ProcessControl, TargetError
from targets.document import ExternalTarget, load_outputs
from targets.embedded import runs


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QER_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _engine(kind: str = "clickhouse", port: int = 8123, **more: object) -> dict[str, Any]:
    common = {"kind": kind, "title": kind, "version": "1", "namespace": "n", "service": "s", "port": port}
    return {**common, "scheme": "http", "user": "u", "host": "127.0.0.1", **more}


def _document(*engines: dict[str, Any], **more: object) -> dict[str, Any]:
    return {
        "schemaVersion": "1",
        "target": "external",
        "stack": "mine",
        "engines": list(engines or [_engine()]),
        **more,
    }


def _write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "outputs.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ({}, "has no schemaVersion"),
        (_document(schemaVersion="2"), r"schemaVersion '2'; this runner reads \"1\""),
        (_document(colour="red"), "colour: Extra inputs are not permitted"),
        (_document(_engine(), _engine()), "an engine kind is listed twice"),
        (_document(_engine(port=70000)), r"engines\.0\.port: Input should be less than"),
        (_document(_engine(password={"file": "a", "env": "b"})), "give either namespace, name and key"),
        ({"schemaVersion": "1", "target": "external", "stack": "s", "engines": []}, "engines: "),
    ],
)
def test_what_is_no_document_is_one_clear_line(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(BadOutputs, match=said) as caught:
        load_outputs(_write(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert "outputs.json" in str(caught.value)


def test_a_missing_document_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadOutputs, match="no such file"):
        load_outputs(tmp_path / "none.json")


def test_a_directory_or_binary_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(BadOutputs, match="is a directory"):
        load_outputs(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadOutputs, match="is not JSON"):
        load_outputs(tmp_path / "binary")


def test_a_password_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadOutputs) as caught:
        load_outputs(_write(tmp_path, _document(_engine(password="hunter2"))))
    assert "hunter2" not in str(caught.value)


def test_an_engine_that_is_not_in_the_document_is_named(tmp_path: Path) -> None:
    outputs = load_outputs(_write(tmp_path, _document()))
    with pytest.raises(BadOutputs, match="no engine trino; it has clickhouse"):
        ExternalTarget(outputs, ("trino",))


def test_an_engine_that_nothing_speaks_to_is_named(tmp_path: Path) -> None:
    outputs = load_outputs(_write(tmp_path, _document(_engine("druid"))))
    with pytest.raises(BadOutputs, match="druid is not one of clickhouse, trino"):
        ExternalTarget(outputs)


def test_an_unreachable_endpoint_is_named_with_its_address(tmp_path: Path, port: int) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        number = closed.getsockname()[1]
        outputs = load_outputs(_write(tmp_path, _document(_engine("trino", port), _engine(port=number))))
        with (
            pytest.raises(
                TargetError, match=rf"clickhouse at 127\.0\.0\.1:{number} cannot be reached \(connection refused\)"
            ),
            ExternalTarget(outputs),
        ):
            pytest.fail("opened")


def test_it_gives_adapters_and_has_no_means(tmp_path: Path, port: int) -> None:
    (tmp_path / "pw").write_text("secret\n")
    content = _document(_engine("trino", port), _engine(port=port, password={"file": "pw"}))
    outputs = load_outputs(_write(tmp_path, content))
    with ExternalTarget(outputs, ("clickhouse",)) as target:
        (engine,) = target.engines()
        assert (engine.kind, engine.endpoint.port, engine.endpoint.password) == ("clickhouse", port, "secret")
        assert (target.name, target.transport) == ("mine", "direct")
        assert [target.means(protocol) for protocol in (ProcessControl, NetworkControl, Capacity)] == [None] * 3
        assert target.state_directory.is_dir()
        assert target.state_directory == ExternalTarget(outputs, ("clickhouse",)).state_directory


def test_a_password_comes_from_the_environment(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = load_outputs(_write(tmp_path, _document(_engine(port=port, password={"env": "SOME_PASSWORD"}))))
    monkeypatch.setenv("SOME_PASSWORD", "from there")
    with ExternalTarget(outputs) as target:
        assert target.engines()[0].endpoint.password == "from there"
    monkeypatch.delenv("SOME_PASSWORD")
    with pytest.raises(TargetError, match="SOME_PASSWORD is not set"), ExternalTarget(outputs):
        pytest.fail("opened")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({"file": "none"}, "cannot read"),
        ({"namespace": "n", "name": "s", "key": "k"}, r"Secret n/s; put it in a file"),
    ],
)
def test_a_secret_that_cannot_be_read_from_here_is_said(
    tmp_path: Path, port: int, reference: dict[str, str], said: str
) -> None:
    outputs = load_outputs(_write(tmp_path, _document(_engine(port=port, password=reference))))
    with pytest.raises(TargetError, match=f"clickhouse password: .*({said}|no file)"), ExternalTarget(outputs):
        pytest.fail("opened")


def test_an_engine_without_a_direct_address_is_said(tmp_path: Path) -> None:
    engine = _engine()
    del engine["host"]
    outputs = load_outputs(_write(tmp_path, _document(engine)))
    with pytest.raises(TargetError, match="names no host"), ExternalTarget(outputs):
        pytest.fail("opened")


def test_the_document_of_an_embedded_instance_that_is_gone_is_said(tmp_path: Path, port: int) -> None:
    outputs = load_outputs(_write(tmp_path, _document(_engine(port=port), target="embedded", stack="embedded-1")))
    with pytest.raises(TargetError, match=r"embedded-1 does not run any more.*embedded up"), ExternalTarget(outputs):
        pytest.fail("opened")


def test_the_document_of_an_embedded_instance_in_use_is_said(tmp_path: Path, port: int) -> None:
    run, lock = runs.create(kept=True)
    use = run.use()
    assert use is not None
    stack = run.directory.name
    outputs = load_outputs(_write(tmp_path, _document(_engine(port=port), target="embedded", stack=stack)))
    with pytest.raises(TargetError, match="in use by another run"), ExternalTarget(outputs):
        pytest.fail("opened")
    os.close(use)
    os.close(lock)
