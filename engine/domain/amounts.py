"""Amounts of memory and disk as people write them. Pure."""

import re

_SIZES = {"m": 1, "g": 1024, "t": 1024 * 1024}
_UNITS = {f"{unit}{rest}": size for unit, size in _SIZES.items() for rest in ("", "b", "i", "ib")}
_AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)")


def mebibytes(text: str) -> int | None:
    """Return an amount in MiB, a bare number being GiB; None for what is none.

    >>> mebibytes("4GiB"), mebibytes("512 MiB"), mebibytes("1.5"), mebibytes("much")
    (4096, 512, 1536, None)
    """
    match = _AMOUNT.fullmatch(text.strip())
    unit = _UNITS.get((match[2] or "gib").lower()) if match else None
    return None if match is None or unit is None else int(float(match[1]) * unit)
