"""Read a ``pulumi preview --json`` for a pull request: what would change, and whether it would lose data.

``python -m components.preview_guard preview.json`` prints Markdown and exits with 1 when a namespace or a volume claim
would be deleted or replaced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRECIOUS = frozenset({"Namespace", "PersistentVolumeClaim"})
_LOSES = ("delete", "replace", "create-replacement", "delete-replaced", "discard")
_QUIET = frozenset({"same", "read", "refresh"})
_LONGEST_LIST = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One resource that a preview would touch."""

    operation: str
    kind: str
    name: str
    properties: tuple[str, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether it takes a namespace or a volume away."""
        return self.operation in _LOSES and self.kind.rsplit(":", 1)[-1] in PRECIOUS


class NotAPreview(Exception):
    """One line: the file is not what ``pulumi preview --json`` prints."""


def steps(document: Mapping[str, Any]) -> list[Step]:
    """The steps that change something.

    Raises:
        NotAPreview: the document has no steps.
    """
    if not isinstance(document.get("steps"), list):
        raise NotAPreview("the preview has no list of steps: it failed, or it is not the output of --json")
    return [_step(one) for one in document["steps"] if one["op"] not in _QUIET]


def _step(one: Mapping[str, Any]) -> Step:
    _, _, kind, name = one["urn"].split("::", 3)
    changed = one.get("replaceReasons") or one.get("diffReasons") or ()
    return Step(one["op"], kind.split("$")[-1], name, tuple(changed))


def markdown(found: Iterable[Step]) -> str:
    """What a reviewer reads first: losses, then a table of everything."""
    listed = list(found)
    if not listed:
        return "### Preview\n\nNo change.\n"
    lines = ["### Preview", ""]
    if losses := [step for step in listed if step.loses_data]:
        lines += ["**Data would be lost:**", *(f"- {step.operation} {step.kind} `{step.name}`" for step in losses), ""]
    lines += ["| operation | resource | name | properties |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {step.operation} | {step.kind} | `{step.name}` | {', '.join(step.properties)} |"
        for step in listed[:_LONGEST_LIST]
    ]
    if len(listed) > _LONGEST_LIST:
        lines.append(f"| | and {len(listed) - _LONGEST_LIST} more | | |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """0: nothing is lost, 1: something is, 2: not a preview."""
    try:
        (path,) = arguments
        text = Path(path).read_text(encoding="utf-8")
        found = steps(json.loads(text[text.index("{") :]))
    except (ValueError, OSError, NotAPreview) as error:
        sys.stderr.write(f"preview guard: {error}\n")
        return 2
    sys.stdout.write(markdown(found))
    return int(any(step.loses_data for step in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
