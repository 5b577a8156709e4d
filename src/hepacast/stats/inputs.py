# SPDX-License-Identifier: Apache-2.0
"""Arrays are checked once, at the door of every public function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike


def floats(name: str, values: ArrayLike, length: int | None = None) -> Float[np.ndarray, ...]:
    """Return finite float64 values, of the given first length.

    Parameters
    ----------
    name : str
        What they are, for the message.
    values : array
        Any shape.
    length : int, optional
        Needed along the first axis.

    Raises
    ------
    TableError
        If a value is missing or infinite, or the length differs.

    Examples
    --------
    >>> floats("risk", [1, 2]).tolist()
    [1.0, 2.0]
    """
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise TableError(
            what=f"{name} must be finite",
            got=f"{int((~np.isfinite(array)).sum())} missing or infinite of {array.size}",
            fix="Impute them, or leave those cases out and say how many.",
        )
    _same_length(name, array, length)
    return array


def flags(name: str, values: ArrayLike, length: int | None = None) -> Bool[np.ndarray, " case"]:
    """Return booleans; 0 and 1 are accepted, anything else is not.

    Parameters
    ----------
    name : str
        What they are, for the message.
    values : (case,) array
        Yes or no.
    length : int, optional
        Needed number of cases.

    Raises
    ------
    TableError
        If a value is neither 0 nor 1, or the length differs.

    Examples
    --------
    >>> flags("event", [1, 0, 1]).tolist()
    [True, False, True]
    """
    array = np.asarray(values)
    if array.dtype != np.bool_:
        if not np.isin(array, (0, 1)).all():
            raise TableError(
                what=f"{name} must be yes or no",
                got=f"values {np.unique(array)[:5].tolist()}",
                fix="Code the event as 1 or True, its absence as 0 or False.",
            )
        array = array.astype(np.bool_)
    _same_length(name, array, length)
    return array


def times(values: ArrayLike, length: int | None = None) -> Float[np.ndarray, " case"]:
    """Return follow-up times: finite, not negative, in any one unit.

    Parameters
    ----------
    values : (case,) array
        Time to the event or to censoring; 0 is a real time.
    length : int, optional
        Needed number of cases.

    Raises
    ------
    TableError
        If a time is missing, infinite or negative, or the length differs.

    Examples
    --------
    >>> times([0, 12]).tolist()
    [0.0, 12.0]
    """
    array = floats("follow-up time", values, length)
    if (array < 0).any():
        raise TableError(
            what="follow-up time must not be negative",
            got=f"{array.min():g}",
            fix="Mend the dates: the event lies before the index date.",
        )
    return array


def both_classes(what: str, event: Bool[np.ndarray, " case"]) -> None:
    """Refuse a cohort in which everybody or nobody had the event.

    Parameters
    ----------
    what : str
        What needs both, for the message.
    event : (case,) bool
        True where the event happened.

    Raises
    ------
    NotEstimableError
        With one class only.

    Examples
    --------
    >>> both_classes("AUC", np.array([True, False]))
    """
    if event.all() or not event.any():
        raise NotEstimableError(
            what=f"{what} needs cases with and without the event",
            got=f"{int(event.sum())} events among {event.size} cases",
            fix="Pool the subgroups or centres, or report this one without it.",
        )


def some_events(what: str, event: Bool[np.ndarray, " case"]) -> None:
    """Refuse a cohort in which nobody had the event.

    Parameters
    ----------
    what : str
        What needs an event, for the message.
    event : (case,) bool
        True where the event was seen.

    Raises
    ------
    NotEstimableError
        Without events.

    Examples
    --------
    >>> some_events("concordance", np.array([True, True]))
    """
    if not event.any():
        raise NotEstimableError(
            what=f"{what} needs at least one event",
            got=f"0 events among {event.size} cases",
            fix="Follow the cases longer, or choose another end point.",
        )


def probabilities(values: ArrayLike, length: int | None = None) -> Float[np.ndarray, " case"]:
    """Return predicted risks between 0 and 1.

    Parameters
    ----------
    values : (case,) array
        Risks of the event, not of staying free of it.
    length : int, optional
        Needed number of cases.

    Raises
    ------
    TableError
        If a value is missing or outside, or the length differs.

    Examples
    --------
    >>> probabilities([0, 0.25, 1]).tolist()
    [0.0, 0.25, 1.0]
    """
    array = floats("predicted probability", values, length)
    if ((array < 0) | (array > 1)).any():
        raise TableError(
            what="a predicted probability lies between 0 and 1",
            got=f"values from {array.min():g} to {array.max():g}",
            fix="Pass the risk of the event, not a score or a linear predictor.",
        )
    return array


def _same_length(name: str, array: np.ndarray, length: int | None) -> None:
    if array.ndim == 0 or (length is not None and len(array) != length):
        raise TableError(
            what=f"{name} must have one value per case",
            got=f"shape {array.shape} for {length} cases",
            fix="Take all columns from the same rows.",
        )
