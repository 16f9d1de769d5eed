"""How numbers are written for people: few digits, a unit that fits, nothing rounded into a better result."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

NONE = "–"
MINUS = "\N{MINUS SIGN}"
NBSP = "\N{NO-BREAK SPACE}"

# What XML 1.0 cannot hold even escaped (its production "Char"); HTML and terminals are better off without it, too.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """Text with what no document can hold (control characters) replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def duration(seconds: float | None) -> str:
    """Seconds with about three significant digits: ``0.42 ms``, ``45 ms``, ``8.21 s``, ``12 min 05 s``."""
    if seconds is None:
        return NONE
    if seconds < 0:
        return MINUS + duration(-seconds)
    if seconds < 0.9995:
        return _milliseconds(seconds * 1000)
    if seconds < 599.5:
        decimals = 2 if seconds < 9.995 else 1 if seconds < 99.95 else 0
        return f"{seconds:.{decimals}f}{NBSP}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes}{NBSP}min{NBSP}{rest:02d}{NBSP}s"
    return f"{minutes // 60}{NBSP}h{NBSP}{minutes % 60:02d}{NBSP}min"


def _milliseconds(value: float) -> str:
    if value == 0:
        return f"0{NBSP}ms"
    decimals = 2 if value < 0.995 else 1 if value < 9.95 else 0
    return f"{value:.{decimals}f}{NBSP}ms"


def with_uncertainty(seconds: float | None, uncertainty: float | None, *, censored: bool = False) -> str:
    """A measured time with its uncertainty in the same unit: ``8.21 ± 0.30 s``; ``> 60.0 s`` when censored."""
    if seconds is None:
        return NONE
    if censored:
        return f">{NBSP}{duration(seconds)}"
    if not uncertainty or max(seconds, uncertainty) >= 599.5:
        return duration(seconds)
    in_ms = max(seconds, uncertainty) < 0.9995
    factor, unit = (1000.0, "ms") if in_ms else (1.0, "s")
    value, spread = seconds * factor, uncertainty * factor
    decimals = (0 if spread >= 9.5 else 1) if in_ms else (0 if spread >= 9.5 else 1 if spread >= 0.95 else 2)
    return f"{value:.{decimals}f}{NBSP}±{NBSP}{spread:.{decimals}f}{NBSP}{unit}"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with two decimals, cut rather than rounded, so 99.996 % never reads 100 %."""
    if fraction is None:
        return NONE
    hundredths = math.floor(fraction * 10_000 + 1e-6)
    text = f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")
    return f"{text}{NBSP}%"


def count(value: int | None) -> str:
    """A whole number with thousands separators."""
    return NONE if value is None else f"{value:,}"


def number(value: float | None) -> str:
    """A plain number with three significant digits and no trailing zeros."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def rate(per_second: float | None) -> str:
    """Events per second."""
    return NONE if per_second is None else f"{number(per_second)}/s"


def size(value: int) -> str:
    """Bytes in the largest binary unit that keeps the number at least 1."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.3g}{NBSP}{unit}"
        amount /= 1024
    return f"{amount:.3g}{NBSP}TiB"


def moment(epoch: float) -> str:
    """A moment in UTC to the second."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ratio(value: float | None) -> str:
    """How many times: ``3.4×``."""
    return NONE if value is None else f"{number(value)}×"


def plural(quantity: int, singular: str, several: str = "") -> str:
    """``1 check``, ``2 checks``; ``several`` where adding an *s* is not enough."""
    return f"{count(quantity)} {singular if quantity == 1 else several or singular + 's'}"
