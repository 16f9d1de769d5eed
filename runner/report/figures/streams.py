"""A throughput test over time: a row per stream, a box per query, and a row for the refresh functions."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from runner.report.figures import svg
from runner.report.figures.scale import LinearScale, from_zero
from runner.report.units import duration
from runner.results import RefreshRun, Stream, StreamQuery, Throughput

ROW = 22
BOX = 15
NARROW = 0.03  # of the width: no room for a label in a narrower box


def streams_figure(key: str, item: Throughput, series: str) -> Markup:
    """Draw all streams, the first one on top."""
    scale = from_zero([item.seconds])
    rows = len(item.streams) + bool(item.refreshes)
    bottom = ROW * rows + 4
    body = [svg.x_axis(scale.ticks(), top=0, bottom=bottom)]
    for index, stream in enumerate(item.streams):
        body.append(_row(f"stream {stream.stream}", ROW * index + 4, _stream(stream, scale, ROW * index + 4, series)))
    if item.refreshes:
        top = ROW * len(item.streams) + 4
        body.append(_row("refresh", top, (box for run in item.refreshes for box in _refresh(run, scale, top))))
    told = (f"stream {one.stream}: {len(one.queries)} queries in {duration(one.seconds)}" for one in item.streams)
    return svg.figure(
        key,
        title=f"Streams of {item.title}",
        description="; ".join(told) + ".",
        height=bottom + 22,
        body=body,
        kind="streams",
    )


def _row(label: str, top: float, boxes: Iterator[Markup]) -> Markup:
    name = svg.text(label, "0", top + 11, "tick", dx=-8, text_anchor="end")
    return svg.group([name, *boxes], class_="stream")


def _stream(stream: Stream, scale: LinearScale, top: float, series: str) -> Iterator[Markup]:
    for query in stream.queries:
        yield from _query(query, scale, top, series)


def _query(query: StreamQuery, scale: LinearScale, top: float, series: str) -> Iterator[Markup]:
    remark, class_ = "", f"bar {series}"
    if query.problem:
        remark, class_ = f", {query.problem[:120]}", "bar bad"
    elif query.checked == "no":
        remark, class_ = ", not compared", f"bar {series} unchecked"
    took = query.seconds or 0.0
    title = f"Q{query.query}: {duration(query.seconds)}{remark}"
    yield from _box(title, f"{query.query}", (query.started_seconds, took), scale, top=top, class_=class_)


def _refresh(run: RefreshRun, scale: LinearScale, top: float) -> Iterator[Markup]:
    title = (
        f"{run.function} of pair {run.pair}: {duration(run.seconds)}{f', {run.problem[:120]}' if run.problem else ''}"
    )
    place = (run.started_seconds, run.seconds or 0.0)
    yield from _box(title, run.function, place, scale, top=top, class_="bar bad" if run.problem else "bar refresh")


def _box(
    title: str, label: str, place: tuple[float, float], scale: LinearScale, *, top: float, class_: str
) -> Iterator[Markup]:
    """A box from its start on, never narrower than a hair; ``place`` is (start, length) in seconds."""
    start = min(1.0, max(0.0, scale(place[0])))
    width = max(0.001, min(1.0 - start, scale(place[1]) - scale(0.0)))
    yield svg.element(
        "rect",
        svg.element("title", title),
        x=svg.percent(start),
        y=top,
        width=svg.percent(width),
        height=BOX,
        class_=class_,
    )
    if width > NARROW:
        ground = "box-label pale" if "unchecked" in class_ else "box-label"
        yield svg.text(label, svg.percent(start + width / 2), top + 11, ground, text_anchor="middle")
