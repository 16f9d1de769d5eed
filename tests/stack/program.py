"""Run the whole Pulumi program against mocks, and give back what it registered."""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

ROOT = Path(__file__).parents[2]
PROJECT = "query-engine-reliability"
SECRET_MARK = "4dabf18193072939515e22adb298388d"  # Pulumi's own key of a wrapped value
SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@dataclass
class Registered:
    """What the program asked for: resource type and name to inputs, and exported outputs."""

    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def manifests(self) -> list[dict[str, Any]]:
        """Kubernetes objects as they would be sent, without the charts."""
        return [plain(inputs) for inputs in self.resources.values() if "kind" in inputs and "metadata" in inputs]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """The only object of that kind and name."""
        found = [one for one in self.manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        assert len(found) == 1, f"{len(found)} of {kind}/{name}"
        return found[0]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Name to inputs of the resources of one Pulumi type."""
        return {name: inputs for (of, name), inputs in self.resources.items() if of == kind}


def is_secret(value: object) -> bool:
    """Whether Pulumi keeps this value as a secret of its state."""
    return isinstance(value, dict) and SECRET_MARK in value


def plain(value: Any) -> Any:
    """The value with all secrets opened."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


class Recorder(Mocks):
    """Accepts everything; passwords are told apart by the name of their resource."""

    def __init__(self, registered: Registered) -> None:
        self._registered = registered

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        inputs = dict(args.inputs)
        self._registered.resources[args.typ, args.name] = inputs
        if args.typ.startswith("random:") and "Password" in args.typ:
            rotation = inputs["keepers"]["rotation"]
            inputs = {**inputs, "result": f"pw-{args.name}-{rotation}"}
        if args.typ.startswith("random:") and "Bytes" in args.typ:
            inputs = {**inputs, "base64": SEED}
        return args.name, inputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls {args.token}")


@contextmanager
def environment(config: Mapping[str, object]) -> Iterator[None]:
    """The configuration as the Pulumi engine passes it: with the defaults that the project declares."""
    texts = {
        f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }
    before = os.environ.get("PULUMI_CONFIG")
    os.environ["PULUMI_CONFIG"] = json.dumps(texts)
    try:
        yield
    finally:
        os.environ.pop("PULUMI_CONFIG") if before is None else os.environ.update(PULUMI_CONFIG=before)


def run(**config: object) -> Registered:
    """Run ``__main__.py`` with these settings, never touching a cluster."""
    registered = Registered()
    pulumi.runtime.set_mocks(Recorder(registered), project=PROJECT, stack="test", preview=False)
    exported = pulumi.export

    def export(name: str, value: object) -> None:
        pulumi.Output.from_input(value).apply(lambda known: registered.outputs.update({name: known}))

    def run_main() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    program: Callable[[], None] = pulumi.runtime.test(run_main)  # type: ignore[no-untyped-call]

    with environment({"preflight": False, **config}):
        pulumi.export = export
        try:
            program()
        finally:
            pulumi.export = exported
    return registered
