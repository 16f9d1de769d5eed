"""Building blocks of the figures: escaped elements, axes, dots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from runner.report.units import printable

WIDTH = 1000  # units across a stretched inner svg


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """One SVG element. Children and attribute values are escaped unless they are ``Markup``.

    ``class_`` stands for ``class`` and underscores for hyphens; ``None`` leaves an attribute out.
    """
    pairs = [
        f' {name.rstrip("_").replace("_", "-")}="{escape(printable(_text(value)))}"'
        for name, value in attributes.items()
        if value is not None
    ]
    inner = "".join(child if isinstance(child, Markup) else escape(printable(str(child))) for child in children)
    return Markup(f"<{tag}{''.join(pairs)}>{inner}</{tag}>")  # noqa: S704 - every part is escaped above


def _text(value: object) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)


def group(items: Iterable[Markup], **attributes: object) -> Markup:
    """A ``g`` around items."""
    return element("g", *items, **attributes)


def percent(fraction: float) -> str:
    """A horizontal position: 0 is the left edge of the plot, 1 the right one."""
    return f"{fraction * 100:.3f}".rstrip("0").rstrip(".") + "%"


def figure(
    key: str, *, title: str, description: str, height: int, body: Sequence[Markup], kind: str, **attributes: object
) -> Markup:
    """The outer ``svg`` with title and description for those who cannot see it.

    Args:
        key: unique in the page.
        title: what is shown.
        description: what it says, in words.
        height: pixels.
        body: content.
        kind: CSS class that sets the margins for labels.
        attributes: further attributes, such as ``data_*`` for scripts.
    """
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *body,
        class_=f"chart {kind}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
        height=height,
        **attributes,
    )


def stretched(items: Iterable[Markup], *, top: float, height: float) -> Markup:
    """An inner ``svg`` that is ``WIDTH`` units wide whatever the figure's width; heights stay pixels."""
    return element(
        "svg",
        *items,
        class_="fill",
        viewBox=f"0 0 {WIDTH} {height:g}",
        preserveAspectRatio="none",
        x="0",
        y=top,
        width="100%",
        height=height,
    )


def text(content: str, x: str, y: float, class_: str = "", **attributes: object) -> Markup:
    """A label; ``x`` is a percentage."""
    return element("text", content, x=x, y=y, class_=class_ or None, **attributes)


def vertical(x: float, top: float, bottom: float, class_: str) -> Markup:
    """A vertical line at a fraction of the width."""
    return element("line", x1=percent(x), x2=percent(x), y1=top, y2=bottom, class_=class_)


def horizontal(y: float, class_: str, start: float = 0.0, end: float = 1.0) -> Markup:
    """A horizontal line between two fractions of the width."""
    return element("line", x1=percent(start), x2=percent(end), y1=y, y2=y, class_=class_)


def x_axis(ticks: Sequence[tuple[float, str]], *, top: float, bottom: float) -> Markup:
    """Grid lines from ``top`` to ``bottom`` with their labels under them; ticks are (fraction, label)."""
    lines = [vertical(x, top, bottom, "grid") for x, _ in ticks]
    labels = [text(label, percent(x), bottom + 15, "tick", text_anchor="middle") for x, label in ticks]
    return group([*lines, *labels], class_="axis", aria_hidden="true")


def y_axis(ticks: Sequence[tuple[float, str]]) -> Markup:
    """Grid lines across with their labels left of the plot; ticks are (pixel, label)."""
    lines = [horizontal(y, "grid") for y, _ in ticks]
    labels = [text(label, "0", y + 3.5, "tick", dx=-6, text_anchor="end") for y, label in ticks]
    return group([*lines, *labels], class_="axis", aria_hidden="true")
