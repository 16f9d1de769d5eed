"""What our credentials may do, asked of the API beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from targets.base import MeansError
from targets.kubernetes.calls import Calls

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class MissingRight(MeansError):
    """A right that a fault needs is missing; the message has the rule to add."""


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource (``pods``, ``pods/exec``) of an API group, in a namespace or cluster-wide."""

    verb: str
    resource: str
    namespace: str | None
    group: str = ""

    def missing(self) -> MissingRight:
        """The error for it."""
        where = f"in namespace {self.namespace}" if self.namespace else "cluster-wide"
        kind = f"Role in {self.namespace}" if self.namespace else "ClusterRole"
        rule = f'{{apiGroups: ["{self.group}"], resources: ["{self.resource}"], verbs: ["{self.verb}"]}}'
        return MissingRight(f"no right to {self.verb} {self.resource} {where}; add to a {kind} of our account: {rule}")


class Rights:
    """Asks for each right once."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._known: dict[Right, bool] = {}

    def allowed(self, right: Right) -> bool:
        """Whether we have it.

        Raises:
            MeansError: the API does not answer.
        """
        if right not in self._known:
            self._known[right] = self._ask(right)
        return self._known[right]

    def require(self, right: Right) -> None:
        """Refuse without it.

        Raises:
            MissingRight: we have it not.
        """
        if not self.allowed(right):
            raise right.missing()

    def _ask(self, right: Right) -> bool:
        resource, _, subresource = right.resource.partition("/")
        attributes = {"verb": right.verb, "resource": resource, "group": right.group}
        if subresource:
            attributes["subresource"] = subresource
        if right.namespace:
            attributes["namespace"] = right.namespace
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._calls.call("POST", _REVIEWS, body=review)
        return bool(answer.get("status", {}).get("allowed"))
