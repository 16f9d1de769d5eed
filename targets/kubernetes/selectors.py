"""Label selectors, as the API server understands them (Kubernetes documentation, "Labels and Selectors")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def label_query(labels: Mapping[str, str]) -> dict[str, str]:
    """Parameters of a list or a watch of the objects that carry all of these labels; of all objects without any."""
    return {"labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())} if labels else {}


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector of ``matchLabels`` and ``matchExpressions`` matches; an empty one matches everything."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(expression, labels) for expression in selector.get("matchExpressions") or [])


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise ValueError(f"operators of label selectors are In, NotIn, Exists, DoesNotExist; this is {other}")
