"""What an expression of PromQL asks for, by a parser of its own."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as promql

# Prometheus makes these itself.
BUILT_IN = frozenset({"up", "ALERTS"})


def metrics(expression: str) -> set[str]:
    """Names of the metrics in an expression.

    Raises:
        ValueError: it is not PromQL.
    """
    return {selector.name for selector in selectors(expression) if selector.name}


def selectors(expression: str) -> list[promql.VectorSelector]:
    """Every selector of series in an expression."""
    return list(_walk(promql.parse(expression)))


def _walk(node: object) -> Iterator[promql.VectorSelector]:
    if isinstance(node, promql.VectorSelector):
        yield node
    elif isinstance(node, promql.MatrixSelector):
        yield node.vector_selector
    else:
        children = [getattr(node, name, None) for name in ("lhs", "rhs", "expr")]
        for child in (*children, *getattr(node, "args", ())):
            if child is not None:
                yield from _walk(child)
