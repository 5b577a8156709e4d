# SPDX-License-Identifier: Apache-2.0
"""Minimum redundancy, maximum relevance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import StudyError
from hepacast.core.outcome import Binary
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, complete, step
from hepacast.select.univariate import cox_score_z

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Int

    from hepacast.core.folds import Train


class MrmrParams(Params):
    """Settings of the mRMR choice."""

    kind: Literal["mrmr"] = "mrmr"
    scheme: Literal["FCQ", "MID", "MIQ"] = "FCQ"
    """F test over mean |correlation|; mutual information as difference or as quotient."""
    count: int = Field(default=10, ge=1)
    """How many columns to keep (all, where there are fewer)."""
    threshold_sd: float = Field(default=1.0, ge=0)
    """MID and MIQ see three levels: below, within and above mean -+ this many SD."""


@step(MrmrParams)
def mrmr(train: Train, params: MrmrParams, rng: np.random.Generator) -> KeepColumns:  # noqa: ARG001
    """Pick columns one by one: relevant to the outcome, unlike those already picked.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : MrmrParams
        Scheme and number.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    KeepColumns
        Its evidence is the order of picking, from 1 (0: not picked).  Constant
        columns are never picked.

    Raises
    ------
    StudyError
        If mutual information is asked of a time to event.

    Notes
    -----
    Relevance under FCQ is the F statistic of two groups, or the squared Cox
    score statistic of a time to event.  Equal merit: the first by name.
    Source: Ding and Peng 2005, J Bioinform Comput Biol 3:185.

    Examples
    --------
    >>> float(f_statistic(np.array([[1.0], [2], [3], [5]]), np.array([0, 0, 1, 1], bool))[0])
    5.0
    """
    values = complete(train, "mRMR")
    names = [str(column) for column in train.table.columns]
    by_name = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
    data = values[:, by_name]
    usable = np.ptp(data, axis=0) > 0
    if params.scheme == "FCQ":
        relevance, redundancy = _correlation_view(train, data)
    else:
        relevance, redundancy = _information_view(train, data, params.threshold_sd)
    picked = _pick(relevance, redundancy, usable, params)
    order = np.zeros(len(names))
    order[by_name[picked]] = np.arange(1, len(picked) + 1)
    return KeepColumns(train, order > 0, order, "order of picking")


def _pick(
    relevance: Float[np.ndarray, " feature"],
    redundancy: Callable[[int], Float[np.ndarray, " feature"]],
    usable: Bool[np.ndarray, " feature"],
    params: MrmrParams,
) -> Int[np.ndarray, " picked"]:
    """Add the best column until there are enough."""
    left = usable.copy()
    picked: list[int] = []
    total = np.zeros(len(relevance))
    for _ in range(min(params.count, int(usable.sum()))):
        mean = total / max(len(picked), 1)
        if params.scheme == "MID" or not picked:
            merit = relevance - mean
        else:
            merit = relevance / np.maximum(mean, 1e-12)
        # Nine digits: equal columns tie whatever the order of summation.
        best = int(np.argmax(np.where(left, _rounded(merit), -np.inf)))
        left[best] = False
        picked.append(best)
        total += redundancy(best)
    return np.array(picked, dtype=np.intp)


def _rounded(merit: Float[np.ndarray, " feature"]) -> Float[np.ndarray, " feature"]:
    """Keep about nine digits."""
    scale = float(np.abs(merit).max(initial=0.0)) or 1.0
    rounded: Float[np.ndarray, " feature"] = np.round(merit / scale, 9)
    return rounded


def _correlation_view(
    train: Train, data: Float[np.ndarray, "case feature"]
) -> tuple[Float[np.ndarray, " feature"], Callable[[int], Float[np.ndarray, " feature"]]]:
    """Return the relevance, and the absolute correlations with one column."""
    event = train.outcome.event
    if isinstance(train.outcome, Binary):
        relevance = f_statistic(data, event)
    else:
        relevance = cox_score_z(data, train.outcome.time_days, event) ** 2
    centred = data - data.mean(axis=0)
    length = np.sqrt(np.einsum("ij,ij->j", centred, centred))
    unit = centred / np.where(length > 0, length, 1.0)
    return relevance, lambda at: np.abs(unit.T @ unit[:, at])


def f_statistic(
    values: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"]
) -> Float[np.ndarray, " feature"]:
    """Return the one-way F statistic of two groups, column by column.

    Parameters
    ----------
    values : (case, feature) float
        Complete columns.
    event : (case,) bool
        The groups.

    Returns
    -------
    (feature,) float
        0 for a constant column.

    Examples
    --------
    >>> x = np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0], [5.0, 7.0]])
    >>> f_statistic(x, np.array([False, False, True, True])).tolist()
    [18.0, 0.0]
    """
    centred = values - values.mean(axis=0)
    total = np.einsum("ij,ij->j", centred, centred)
    count, yes = len(event), int(event.sum())
    no = count - yes
    between = centred[event].sum(axis=0) ** 2 / max(yes, 1)
    between = between + centred[~event].sum(axis=0) ** 2 / max(no, 1)
    within = np.maximum(total - between, 1e-12 * total + np.finfo(float).tiny)
    f: Float[np.ndarray, " feature"] = between * (count - 2) / within
    return f


def _information_view(
    train: Train, data: Float[np.ndarray, "case feature"], threshold: float
) -> tuple[Float[np.ndarray, " feature"], Callable[[int], Float[np.ndarray, " feature"]]]:
    """Do the same with the mutual information of three levels, nats."""
    if not isinstance(train.outcome, Binary):
        raise StudyError(
            what="mutual information needs a binary outcome",
            got=type(train.outcome).__name__,
            fix="Use scheme: FCQ, which takes the Cox score statistic.",
        )
    middle, reach = data.mean(axis=0), threshold * data.std(axis=0)
    levels = np.stack(
        [data < middle - reach, np.abs(data - middle) <= reach, data > middle + reach]
    )
    indicator = levels.astype(np.float64)
    event = train.outcome.event.astype(np.float64)
    return (
        _information(indicator, np.stack([event, 1 - event])),
        lambda at: _information(indicator, indicator[:, :, at]),
    )


def _information(
    levels: Float[np.ndarray, "level case feature"], other: Float[np.ndarray, "state case"]
) -> Float[np.ndarray, " feature"]:
    """Return the mutual information of each column with one variable, nats."""
    count = levels.shape[1]
    joint = np.einsum("lcf,sc->lsf", levels, other, optimize=True) / count
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    ratio = np.where(joint > 0, joint / np.where(apart > 0, apart, 1.0), 1.0)
    found: Float[np.ndarray, " feature"] = (joint * np.log(ratio)).sum(axis=(0, 1))
    return found
