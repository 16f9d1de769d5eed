"""One adapter per query engine, with the engines' official drivers inside."""

from engines.base import (
    Answer,
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Health,
    LoadReport,
    Outcome,
    ProbeQuery,
    Row,
    RunningQuery,
    Session,
    engine_class,
    engine_kinds,
)
from engines.tpch import Dataset, TpchQuery

__all__ = [
    "Answer",
    "Dataset",
    "Endpoint",
    "Engine",
    "EngineError",
    "ErrorClass",
    "Health",
    "LoadReport",
    "Outcome",
    "ProbeQuery",
    "Row",
    "RunningQuery",
    "Session",
    "TpchQuery",
    "engine_class",
    "engine_kinds",
]
