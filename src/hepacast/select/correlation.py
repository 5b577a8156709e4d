# SPDX-License-Identifier: Apache-2.0
"""Drop columns that repeat another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from scipy.stats import rankdata

from hepacast.core.outcome import Binary
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, complete, step
from hepacast.select.univariate import cox_score_z, logistic_score_z

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from hepacast.core.folds import Train

_BLOCK = 512


class CorrelationParams(Params):
    """Settings of the redundancy filter."""

    kind: Literal["correlation"] = "correlation"
    limit: float = Field(default=0.9, gt=0, le=1)
    """Largest absolute correlation allowed between two columns that stay."""
    method: Literal["pearson", "spearman"] = "pearson"
    """Of values, or of their ranks."""
    prefer: Literal["outcome", "name"] = "outcome"
    """Who stays: the column more associated with the training outcome, or the first by name."""


@step(CorrelationParams)
def correlation(
    train: Train,
    params: CorrelationParams,
    rng: np.random.Generator,  # noqa: ARG001
) -> KeepColumns:
    """Keep a column unless it is correlated above the limit with a better one that stays.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : CorrelationParams
        Limit and order of preference.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    KeepColumns
        Its evidence is the largest absolute correlation with a column that was
        preferred and stayed; constant columns have correlation 0 and stay.

    Notes
    -----
    Columns are visited from the most to the least preferred, equals by name,
    so the order in which they stand in the table changes nothing.
    """
    values = complete(train, "a correlation")
    order = _preference(train, values, params.prefer)
    data = rankdata(values, axis=0) if params.method == "spearman" else values
    centred = data - data.mean(axis=0)
    length = np.sqrt(np.einsum("ij,ij->j", centred, centred))
    constant = length <= 1e-12 * np.abs(data).max(axis=0, initial=0.0)
    unit = np.where(constant, 0.0, centred / np.where(constant, 1.0, length)).T
    keep, evidence = np.zeros(len(order), dtype=bool), np.zeros(len(order))
    keep[order], evidence[order] = _visit(np.ascontiguousarray(unit[order]), params.limit)
    return KeepColumns(train, keep, evidence, "largest |r| with a column kept")


def _preference(
    train: Train, values: Float[np.ndarray, "case feature"], prefer: str
) -> Int[np.ndarray, " feature"]:
    """Return the columns from the most to the least preferred."""
    names = [str(column) for column in train.table.columns]
    strength = np.zeros(len(names))
    if prefer == "outcome":
        event = train.outcome.event
        if isinstance(train.outcome, Binary):
            strength = np.abs(logistic_score_z(values, event))
        else:
            strength = np.abs(cox_score_z(values, train.outcome.time_days, event))
    # Nine digits: copies of a column must tie, in whatever order their sums ran.
    rounded = [-float(f"{one:.8e}") for one in strength]
    ranked = sorted(range(len(names)), key=lambda at: (rounded[at], names[at]))
    return np.array(ranked, dtype=np.intp)


def _visit(
    unit: Float[np.ndarray, "feature case"], limit: float
) -> tuple[Bool[np.ndarray, " feature"], Float[np.ndarray, " feature"]]:
    """Visit unit-length rows in order, in blocks: first against all kept, then within."""
    count, cases = unit.shape
    kept, n_kept = np.empty((count, cases)), 0
    keep, evidence = np.zeros(count, dtype=bool), np.zeros(count)
    for start in range(0, count, _BLOCK):
        block = unit[start : start + _BLOCK]
        worst = np.zeros(len(block))
        for first in range(0, n_kept, 4 * _BLOCK):
            part = np.abs(block @ kept[first : min(first + 4 * _BLOCK, n_kept)].T)
            worst = np.maximum(worst, part.max(axis=1))
        within = np.abs(block @ block.T)
        for row in range(len(block)):
            # A hair above the limit, so that an exact |r| = limit stays on every machine.
            if worst[row] <= limit + 1e-12:
                keep[start + row] = True
                kept[n_kept] = block[row]
                n_kept += 1
                np.maximum(worst[row + 1 :], within[row, row + 1 :], out=worst[row + 1 :])
        evidence[start : start + len(block)] = worst
    return keep, evidence
