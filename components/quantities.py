"""Kubernetes quantities as numbers: ``512Mi`` and ``200m``."""

from __future__ import annotations

import re
from decimal import Decimal

_PATTERN = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_FACTORS = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}
MEBIBYTE = 2**20


def quantity(text: str) -> Decimal:
    """The number that a quantity stands for (bytes, CPUs).

    Raises:
        ValueError: it is not a quantity.
    """
    if not (match := _PATTERN.fullmatch(text)):
        raise ValueError(f"{text!r} is not a quantity such as 512Mi, 2Gi, 200m or 2")
    return Decimal(match[1]) * _FACTORS[match[2]]


def memory_bytes(text: str) -> int:
    """A quantity of memory or storage in bytes."""
    return int(quantity(text))


def mebibytes(text: str) -> int:
    """A quantity of memory in whole MiB."""
    return memory_bytes(text) // MEBIBYTE


def millicores(text: str) -> int:
    """A quantity of CPU in thousandths of one."""
    return int(quantity(text) * 1000)


def memory_setting(text: str) -> str:
    """Validate a setting that gives memory or storage: at least 1 MiB, whole bytes."""
    if text.endswith("m") or quantity(text) < MEBIBYTE:
        raise ValueError("must be an amount of memory or storage such as 512Mi or 2Gi")
    return text


def cpu_setting(text: str) -> str:
    """Validate a setting that gives CPUs: from 10m to 1024."""
    if not re.fullmatch(r"\d+(\.\d+)?|\d+m", text) or not Decimal("0.01") <= quantity(text) <= 1024:
        raise ValueError("must be an amount of CPU such as 200m or 2")
    return text
