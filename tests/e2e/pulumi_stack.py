"""The real Pulumi CLI on a copy of the project, one stack at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = "query-engine-reliability"
PROGRAM = ("Pulumi.yaml", "__main__.py", "requirements.txt", "constraints.txt", "components", "targets", "engines")
COMMAND_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended: its exit status and everything it printed."""

    status: int
    text: str


def run(*command: str, timeout: float = 120, cwd: Path | None = None, **environment: str) -> Finished:
    """Run a command to its end; both its streams are kept together."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout)


def runner(*arguments: str, timeout: float = 600) -> Finished:
    """Run the runner of this checkout."""
    return run(sys.executable, "-m", "runner", *arguments, cwd=ROOT, timeout=timeout)


def kubectl(*arguments: str) -> str:
    """What kubectl prints, which must succeed."""
    done = run("kubectl", *arguments)
    assert done.status == 0, done.text
    return done.text


def objects(kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
    """Objects of a kind in a namespace."""
    text = kubectl("get", kind, "-n", namespace, "-o", "json", "-l", selector)
    found: list[dict[str, Any]] = json.loads(text)["items"]
    return found


@dataclass
class PulumiStack:
    """One stack in a project directory of its own; ``settings`` are written before every command."""

    name: str
    directory: Path
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Start of its namespaces' names."""
        return f"qer-{self.name}"

    def namespace(self, part: str) -> str:
        """One of its namespaces."""
        return f"{self.prefix}-{part}"

    def create(self) -> None:
        """Lay out the project and make the stack."""
        self.directory.mkdir(parents=True)
        for entry in PROGRAM:
            (self.directory / entry).symlink_to(ROOT / entry)
        (self.directory / ".venv").symlink_to(sys.prefix)
        done = self.pulumi("stack", "init", self.name)
        assert done.status == 0, done.text

    def pulumi(self, *arguments: str, **environment: str) -> Finished:
        """Run the CLI."""
        config = {f"{PROJECT}:{key}": value for key, value in self.settings.items()}
        (self.directory / f"Pulumi.{self.name}.yaml").write_text(yaml.safe_dump({"config": config}))
        return run(
            "pulumi", *arguments, "--non-interactive", cwd=self.directory, timeout=COMMAND_SECONDS, **environment
        )

    def up(self, **environment: str) -> Finished:
        """``pulumi up``, whatever comes of it."""
        return self.pulumi("up", "--yes", "--skip-preview", **environment)

    def must_up(self) -> str:
        """``pulumi up``, which must succeed."""
        done = self.up()
        assert done.status == 0, done.text
        return done.text

    def changes(self) -> list[str]:
        """What a preview would do, ``operation kind name`` each, without what stays the same."""
        done = self.pulumi("preview", "--json", "--suppress-progress")
        document = json.loads(done.text[done.text.index("{\n") :])
        assert done.status == 0, done.text
        return [
            f"{step['op']} {step['urn'].split('::')[2].split('$')[-1]} {step['urn'].split('::')[3]}"
            for step in document["steps"]
            if step["op"] != "same"
        ]

    def no_changes(self) -> bool:
        """Whether a preview has nothing to do, and says so by its exit status."""
        return self.pulumi("preview", "--expect-no-changes", "--diff").status == 0

    def outputs(self) -> dict[str, Any]:
        """The runner's document."""
        done = self.pulumi("stack", "output", "outputs", "--json")
        assert done.status == 0, done.text
        document: dict[str, Any] = json.loads(done.text[done.text.index("{") :])
        return document

    def resources(self) -> Counter[str]:
        """What the state holds: type to number."""
        done = self.pulumi("stack", "export")
        state = json.loads(done.text[done.text.index("{") :])
        return Counter(resource["type"] for resource in state["deployment"].get("resources") or [])

    def destroy(self) -> None:
        """``pulumi destroy``, then forget the stack."""
        done = self.pulumi("destroy", "--yes", "--skip-preview")
        assert done.status == 0, done.text

    def remove(self) -> None:
        """Destroy what may be left, and forget the stack."""
        self.pulumi("cancel", "--yes")
        self.pulumi("destroy", "--yes", "--skip-preview")
        self.pulumi("stack", "rm", "--yes", "--force", self.name)
