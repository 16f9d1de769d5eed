"""Faults that work by a command in the engine's container, with its own rights and bounded by ``timeout``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from typing_extensions import override

from faults.base import Fault, Kind, NotPossible
from faults.privileged import running, stack_control
from targets.base import MeansError, Target
from targets.kubernetes.means import PodView, StackControl
from targets.kubernetes.quantity import amount

EXEC_MARGIN = 20.0
"""Seconds that a call may take longer than the command that it runs."""


class ExecFault(Fault):
    """Strikes the container of one pod.

    Attributes:
        tools: what the container must have, besides ``sh``.
        struck: the pod, once it is chosen; empty before.
    """

    kind: ClassVar[Kind] = Kind.POD
    means: ClassVar[type | None] = StackControl
    tools: ClassVar[tuple[str, ...]]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.struck: tuple[PodView, ...] = ()

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return stack_control(target).roles(engine)

    @property
    def control(self) -> StackControl:
        """See ``stack_control``."""
        return stack_control(self.target)

    def choose(self) -> PodView:
        """The first running pod of the role.

        Raises:
            NotPossible: there is none.
        """
        return running(self.control, self.engine, self.component)[0]

    @override
    def preflight(self) -> None:
        pod = self.choose()
        self.control.require("get", "pods/exec", pod.namespace)
        try:
            self.control.exec(pod.ref, ["sh", "-c", " && ".join(f"command -v {tool}" for tool in self.tools)])
        except MeansError as error:
            raise NotPossible(f"{pod.ref} lacks one of {', '.join(('sh', *self.tools))} ({error})") from error

    @override
    def remember(self) -> str:
        self.struck = (self.choose(),)
        return json.dumps([asdict(pod) for pod in self.struck])

    @override
    def recall(self, original: str) -> None:
        try:
            self.struck = tuple(PodView(**one) for one in json.loads(original))
        except (ValueError, TypeError) as error:
            raise MeansError(f"{self.name}: the record of what was struck cannot be read ({error})") from error

    def there(self) -> list[PodView]:
        """Struck pods whose container still runs, or again: with any other, its processes are gone."""
        now = {pod.uid: pod for pod in self.control.pods(self.engine, self.component) if pod.started_at}
        return [now[pod.uid] for pod in self.struck if pod.uid in now]

    def limit(self, pod: PodView, resource: str) -> float:
        """The container's limit: bytes or CPUs.

        Raises:
            NotPossible: it has none.
        """
        manifest: Any = self.control.read(pod.ref)
        container = next(one for one in manifest["spec"]["containers"] if one["name"] == pod.container)
        limit = container.get("resources", {}).get("limits", {}).get(resource)
        if limit is None:
            raise NotPossible(f"{pod.ref} has no {resource} limit: others on node {pod.node} would be struck")
        return amount(str(limit))


def end_script(key: str) -> str:
    """End the processes with that key on their command line; the brackets keep the search from finding itself."""
    return (
        f"for file in $(grep -ls '[q]er-{key}' /proc/[0-9]*/cmdline); do "
        'process=${file%/cmdline}; kill -TERM "${process#/proc/}" 2>/dev/null; done; true'
    )


def processes_script(key: str) -> str:
    """Print how many processes with that key there are."""
    return f"grep -ls '[q]er-{key}' /proc/[0-9]*/cmdline | wc -l"
