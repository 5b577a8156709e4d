# SPDX-License-Identifier: Apache-2.0
"""Numbers, words and times of DICOM attributes; None where there is none to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset


def first_value(places: list[Dataset], *names: str) -> Any:  # noqa: ANN401 - any DICOM value
    """Return the first attribute of these names that a dataset has; names before datasets."""
    for name in names:
        for place in places:
            if name in place and place.get(name) is not None:
                return place.get(name)
    return None


def first_positive(places: list[Dataset], *names: str) -> float | None:
    """Return the first of these attributes that is a number above 0."""
    for name in names:
        value = number(first_value(places, name))
        if value is not None and value > 0:
            return value
    return None


def _cast(value: object, kind: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - what kind returns
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        return None


def number(value: object) -> float | None:
    """Read one number.

    >>> number("2.50"), number("unknown")
    (2.5, None)
    """
    found: float | None = _cast(value, float)
    return found


def whole(value: object) -> int | None:
    """Read one whole number.

    >>> whole("12"), whole("")
    (12, None)
    """
    found: int | None = _cast(value, int)
    return found


def numbers(value: object, count: int) -> tuple[float, ...] | None:
    """Read as many numbers as there must be.

    >>> numbers(["0.5", "0.5"], 2), numbers(["0.5"], 2)
    ((0.5, 0.5), None)
    """
    found: tuple[float, ...] | None = _cast(value, lambda v: tuple(float(n) for n in v))
    return found if found is not None and len(found) == count else None


def words(value: object) -> tuple[str, ...]:
    """Read one word or several.

    >>> words("ORIGINAL "), words(["ORIGINAL", "PRIMARY"]), words(None)
    (('ORIGINAL',), ('ORIGINAL', 'PRIMARY'), ())
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (value.strip(),)
    found: tuple[str, ...] | None = _cast(value, lambda v: tuple(str(n).strip() for n in v))
    return found or (str(value).strip(),)


def seconds(value: object) -> float | None:
    """Read a DICOM time or date-time as seconds since midnight.

    >>> seconds("145159.5")
    53519.5
    """
    digits = "" if value is None else str(value).strip()
    if len(digits.split(".")[0]) >= 14:
        digits = digits[8:]
    try:
        hours, minutes = int(digits[:2]), int(digits[2:4] or 0)
        return 3600.0 * hours + 60.0 * minutes + float(digits[4:].split("+")[0] or 0)
    except ValueError:
        return None
