"""What the rules of one stack are about: its namespaces, its size, its objective."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from components.settings import Settings
from components.site import Site

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


@dataclass(frozen=True, slots=True)
class Scope:
    """One stack, as the rules see it.

    Attributes:
        trino: Trino's namespace.
        clickhouse: ClickHouse's namespace.
        workers: Trino workers that there should be at least.
        queue: waiting Trino queries that are still no reason to call anybody.
        budget: share of the time that an engine may fail to serve, for example 0.001.
        retention: seconds that Prometheus keeps samples.
    """

    trino: str
    clickhouse: str
    workers: int
    queue: int
    budget: float
    retention: int

    @classmethod
    def of(cls, site: Site) -> Scope:
        """The scope that follows from a stack's settings."""
        settings = site.settings
        return cls(
            trino=site.namespace("trino"),
            clickhouse=site.namespace("clickhouse"),
            workers=settings.fewest_workers,
            queue=_tolerated_queue(settings),
            budget=round(1 - float(settings.availability_objective) / 100, 7),
            retention=seconds(settings.prometheus_retention),
        )

    @property
    def both(self) -> str:
        """A matcher for both namespaces."""
        return f'namespace=~"{self.trino}|{self.clickhouse}"'

    def labels(self, engine: str) -> Mapping[str, str]:
        """What every recorded series of one engine carries: a Prometheus may watch several stacks."""
        return {"engine": engine, "namespace": self.trino if engine == "trino" else self.clickhouse}


def seconds(duration: str) -> int:
    """A duration as Prometheus writes it, for example ``24h``, in seconds.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"(\d+)([mhdwy])", duration)
    if not match:
        raise ValueError(f"{duration!r} is not a duration like 24h")
    return int(match[1]) * _SECONDS[match[2]]


def selector(labels: Mapping[str, str]) -> str:
    """Matchers of a selector, between braces."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def _tolerated_queue(settings: Settings) -> int:
    """As many as run at once wait one wave; a queue that is half full is worth a look however short it is."""
    return max(1, min(settings.trino_query_concurrency, settings.trino_query_queue // 2))
