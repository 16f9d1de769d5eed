"""What faults that change one object of the API have in common: recorded, switched, put back, handed back."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from faults.base import Fault, NotPossible
from faults.privileged import stack_control
from targets.base import MeansError
from targets.kubernetes.fields import owners
from targets.kubernetes.means import MergePatch, ObjectRef, Revert, StackControl, Switches
from targets.kubernetes.resources import resource

Manifest = Mapping[str, Any]


class ObjectFault(Fault):
    """Patches one object of the stack.

    Before the change a dead man's switch is armed, so that it is put back after its TTL whatever becomes of us.
    """

    means: ClassVar[type | None] = Switches
    subresource: ClassVar[str] = ""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._revert: Revert | None = None

    @property
    @abstractmethod
    def ref(self) -> ObjectRef:
        """The object to change."""

    @abstractmethod
    def change(self, found: Manifest) -> MergePatch:
        """What breaks the object as it was found.

        Raises:
            NotPossible: it cannot be broken, or is already.
        """

    @abstractmethod
    def undo(self, found: Manifest) -> MergePatch:
        """What makes the object again as it was found."""

    @abstractmethod
    def effect(self) -> str:
        """What shows that the change had its effect; empty while nothing does."""

    def restored(self) -> str:
        """What shows, beyond the object itself, that the effect is over; empty while nothing does."""
        return "no field of it is in our name"

    @property
    def avoid_node(self) -> str:
        """Node where the switch should not run."""
        return ""

    @property
    @override
    def subject(self) -> str:
        return str(self.ref)

    @override
    def preflight(self) -> None:
        ref = self.ref
        self.control.require("patch", resource(ref.kind).plural, ref.namespace, group=resource(ref.kind).group)
        self.switches.require()
        self.change(self.control.read(ref))

    @override
    def remember(self) -> str:
        found = self.control.read(self.ref)
        uid = found["metadata"]["uid"] if self.subresource else ""  # those of a pod do not outlive it
        self._revert = Revert(self.ref, self.undo(found), tuple(owners(found)), self.subresource, uid)
        return json.dumps(self._revert.to_json())

    @override
    def recall(self, original: str) -> None:
        try:
            self._revert = Revert.from_json(json.loads(original))
        except (ValueError, KeyError, TypeError) as error:
            raise MeansError(f"{self.name}: the record of what to put back cannot be read ({error})") from error

    @override
    def inject(self) -> None:
        revert = self._revert
        if revert is None:
            raise MeansError(f"{self.name}: what to put back was not recorded, so nothing was changed")
        patch = self.change(self.control.read(revert.ref))
        self.switches.arm(
            self.key, [revert], ttl=self.tuning.ttl, subject=self.subject or self.engine, avoid_node=self.avoid_node
        )
        self.control.patch(revert.ref, patch, subresource=revert.subresource)

    @override
    def proof(self) -> str:
        return self.effect()

    @override
    def revert(self) -> None:
        if self._revert is not None:
            self.control.put_back(self._revert)
            self.switches.disarm(self.key)

    @override
    def revert_proof(self) -> str:
        if self._revert is None or not self.control.is_back(self._revert) or self.switches.armed(self.key):
            return ""
        shown = self.restored()
        return f"{self._revert.ref} is as before; {shown}" if shown else ""

    @property
    def control(self) -> StackControl:
        """The target's means to change its objects."""
        return stack_control(self.target)

    @property
    def switches(self) -> Switches:
        """The target's dead man's switches.

        Raises:
            NotPossible: it has none.
        """
        switches = self.target.means(Switches)
        if switches is None:
            raise NotPossible("the target has no pods that could revert the fault when the runner is gone")
        return switches
