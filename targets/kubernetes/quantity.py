"""Amounts as Kubernetes writes them: ``500m``, ``1Gi``, ``1e3``."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def amount(text: str) -> float:
    """Its value: bytes, or CPUs.

    Raises:
        ValueError: it is no quantity.
    """
    digits = text.rstrip("kKMGTPEmi")
    try:
        return float(Decimal(digits) * _FACTORS[text[len(digits) :]])
    except (InvalidOperation, KeyError):
        raise ValueError(f"not a quantity of Kubernetes: {text!r}") from None
