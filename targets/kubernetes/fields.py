"""Merge patches, and the API server's record of who set which field.

A change takes the ownership of its fields from whoever applied them (for a stack: Pulumi), and the server does not give
it back when the values come back. The next ``pulumi up`` would then meet conflicts on fields that nobody changes any
more, so ownership is recorded before a change and handed back after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from targets.base import MeansError
from targets.kubernetes.calls import CallError
from targets.kubernetes.means import FIELD_MANAGER, MergePatch, Revert
from targets.kubernetes.objects import Objects

_ATTEMPTS = 5

Owner = Mapping[str, Any]


def applied(document: Mapping[str, Any], patch: MergePatch) -> bool:
    """Whether the patch would change nothing."""
    return all(_holds(document, name, value) for name, value in patch.items())


def _holds(document: Mapping[str, Any], name: str, value: object) -> bool:
    if value is None:
        return name not in document
    if isinstance(value, Mapping):
        return applied(document.get(name) or {}, value)
    return bool(document.get(name) == value)


def owners(document: Mapping[str, Any]) -> list[Owner]:
    """``metadata.managedFields``."""
    return list(document["metadata"].get("managedFields") or [])


def ours(document: Mapping[str, Any]) -> bool:
    """Whether any field of the object is in our name."""
    return any(owner.get("manager") == FIELD_MANAGER for owner in owners(document))


def handed_back(recorded: Sequence[Owner], now: Sequence[Owner]) -> list[Owner]:
    """The owners that an object should have after a revert.

    Who owned spec and metadata before owns them again. Of the status, which controllers write all the time, the present
    owners stay, and so does whoever came in the meantime; only we go.
    """
    before = {_identity(owner): owner for owner in recorded}
    staying = [owner for owner in now if owner.get("manager") != FIELD_MANAGER]
    present = {_identity(owner) for owner in staying}
    result = [
        owner if owner.get("subresource") == "status" else before.get(_identity(owner), owner) for owner in staying
    ]
    # Whoever had nothing but what we took is no longer in the list.
    lost = [
        owner
        for identity, owner in before.items()
        if identity not in present and owner.get("manager") != FIELD_MANAGER and owner.get("subresource") != "status"
    ]
    return [*result, *lost]


def hand_back(objects: Objects, revert: Revert) -> None:
    """Give the object the owners that it had before we changed it.

    Raises:
        MeansError: it could not be done.
    """
    for _ in range(_ATTEMPTS):
        found = objects.read(revert.ref)
        if not ours(found):
            return
        version = found["metadata"]["resourceVersion"]
        owned = handed_back(revert.managed_fields, owners(found))
        try:
            # Controllers write the status of most objects all the time: only the version that was read is changed.
            objects.edit(
                revert.ref,
                [
                    {"op": "test", "path": "/metadata/resourceVersion", "value": version},
                    {"op": "replace", "path": "/metadata/managedFields", "value": owned or [{}]},
                ],
            )
        except CallError as error:
            if error.status not in {409, 422}:
                raise
    if ours(objects.read(revert.ref)):
        raise MeansError(f"{revert.ref}: its fields could not be handed back, it changed all the time; try again")


def _identity(owner: Owner) -> tuple[str, ...]:
    return tuple(str(owner.get(name, "")) for name in ("manager", "operation", "apiVersion", "subresource"))
