# SPDX-License-Identifier: Apache-2.0
"""Plain values that survive a round trip through JSON exactly."""

import math
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, model_validator

from hepacast.core.errors import NotEstimableError
from hepacast.core.params import Params


def _plain(value: object) -> object:
    """Turn arrays and array scalars into what JSON knows, and NaN into None."""
    tolist = getattr(value, "tolist", None)
    if tolist is not None:
        value = tolist()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _plain_list(value: object) -> object:
    """Turn an array or a sequence into a list of plain values."""
    value = _plain(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


Number = Annotated[float | None, BeforeValidator(_plain)]
"""A number, or None where there is none; NaN becomes None on the way in."""

Numbers = Annotated[tuple[Number, ...], BeforeValidator(_plain_list)]
"""Numbers of a curve; arrays are taken as they are."""

Count = Annotated[int, BeforeValidator(_plain)]
"""A whole number; array scalars are taken as they are."""

Counts = Annotated[tuple[int, ...], BeforeValidator(_plain_list)]
"""Whole numbers; arrays are taken as they are."""


class Shown(Params):
    """Base of everything a report shows: frozen, closed, plain.

    Infinite numbers are written as the strings JSON lacks, and read back.

    Examples
    --------
    >>> shown = Estimate(value=2.0, low=1.0, high=float("inf"), method="profile")
    >>> Estimate.model_validate_json(shown.model_dump_json()) == shown
    True
    """

    model_config = ConfigDict(ser_json_inf_nan="strings")


class Estimate(Shown):
    """A number with its interval, how it was made and how to say it.

    Examples
    --------
    >>> print(Estimate(value=0.741, low=0.65, high=0.82, method="DeLong"))
    0.74 (0.65 to 0.82)
    """

    value: Number
    """Point estimate; None where it could not be estimated."""
    low: Number = None
    """Lower limit of the interval."""
    high: Number = None
    """Upper limit of the interval."""
    level: float = 0.95
    """Coverage the interval claims."""
    method: str = ""
    """How the interval was made: ``DeLong``, ``Wald``, ``infinitesimal jackknife``."""
    sentence: str = ""
    """The manuscript's sentence, as the statistics room words it."""

    @model_validator(mode="after")
    def _ordered(self) -> "Estimate":
        """Refuse an interval whose ends are reversed."""
        if self.low is not None and self.high is not None and self.low > self.high:
            raise NotEstimableError(
                what="an interval runs from its lower to its upper limit",
                got=f"{self.low} to {self.high}",
                fix="Swap the limits; a reversed direction of risk is the usual cause.",
            )
        return self

    def reversed(self) -> "Estimate":
        """Return the same difference seen from the other side; its words are left out.

        >>> print(Estimate(value=0.2, low=-0.1, high=0.5).reversed())
        -0.20 (-0.50 to 0.10)
        """
        turned = [None if one is None else -one for one in (self.value, self.high, self.low)]
        value, low, high = turned
        return Estimate(value=value, low=low, high=high, level=self.level, method=self.method)

    def __str__(self) -> str:
        if self.value is None:
            return "not estimable"
        if self.low is None or self.high is None:
            return f"{self.value:.2f}"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def same_length(what: str, *columns: tuple[object, ...]) -> None:
    """Refuse curves whose columns have different lengths.

    Raises
    ------
    NotEstimableError
        If two columns that are not empty differ in length.

    Examples
    --------
    >>> same_length("a ROC curve", (0.0, 1.0), (0.0, 1.0), ())
    """
    lengths = {len(column) for column in columns if column}
    if len(lengths) > 1:
        raise NotEstimableError(
            what=f"{what} has one value per point in every column",
            got=f"lengths {sorted(lengths)}",
            fix="Pass the columns of one curve.",
        )
