"""One adapter per query engine, with the engines' official drivers inside."""

from engines._deadline import within
from engines._failures import shorten, transport_failure
from engines._trust import open_http
from engines.base import (
    Answer,
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Health,
    KeyTable,
    LoadReport,
    Outcome,
    ProbeQuery,
    Row,
    RunningQuery,
    Session,
    Statistics,
    engine_class,
    engine_kinds,
)
from engines.tpch import Dataset, RefreshSet, TpchQuery
from engines.wire import Wire, WireRequest, WireResponse

__all__ = [
    "Answer",
    "Dataset",
    "Endpoint",
    "Engine",
    "EngineError",
    "ErrorClass",
    "Health",
    "KeyTable",
    "LoadReport",
    "Outcome",
    "ProbeQuery",
    "RefreshSet",
    "Row",
    "RunningQuery",
    "Session",
    "Statistics",
    "TpchQuery",
    "Wire",
    "WireRequest",
    "WireResponse",
    "engine_class",
    "engine_kinds",
    "open_http",
    "shorten",
    "transport_failure",
    "within",
]
