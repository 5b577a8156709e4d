# SPDX-License-Identifier: Apache-2.0
"""Keep columns that several readings of the same training cases agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns
from hepacast.stats.dealing import in_case_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable

Form = Literal["agreement", "consistency"]


class ReliabilityParams(Params):
    """Settings of the choice by the intraclass correlation."""

    kind: Literal["icc"] = "icc"
    icc_min: float = Field(default=0.8, ge=0, lt=1)
    """Smallest coefficient accepted."""
    bound: Literal["lower", "estimate"] = "lower"
    """Compare the lower confidence limit, or the estimate, with it."""
    form: Form = "agreement"
    """ICC(2,1): single readings, absolute agreement; or ICC(3,1): consistency."""
    level: float = Field(default=0.95, gt=0, lt=1)
    """Two-sided confidence level of the limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Icc:
    """Intraclass correlations of many columns.

    Parameters
    ----------
    estimate, low, high : (feature,) float
        Coefficient and confidence limits; 0, 0 and 0 for a column without spread.
    cases, readings : int
        What they rest on.
    """

    estimate: Float[np.ndarray, " feature"]
    low: Float[np.ndarray, " feature"]
    high: Float[np.ndarray, " feature"]
    cases: int
    readings: int


def reliable(
    train: Train, readings: Sequence[FeatureTable], params: ReliabilityParams
) -> KeepColumns:
    """Keep columns whose repeated readings agree in training patients.

    Parameters
    ----------
    train : Train
        Its columns are offered; its own values are the first reading.
    readings : sequence of FeatureTable
        Further readings of all or some cases, with the same columns.  Cases that
        are not in ``train`` are left out: test patients choose nothing.
    params : ReliabilityParams
        Limit, form and bound.

    Returns
    -------
    KeepColumns
        Its evidence is the number compared with the limit.  Columns with a
        missing reading in any of the cases are dropped.

    Raises
    ------
    NotEstimableError
        With fewer than three training cases that have all readings.

    Notes
    -----
    This is not in :data:`~hepacast.select.step.STEPS`, whose parts learn from
    one table: the repeated readings come from the study's ``reliability`` block.
    """
    train = in_case_order(train)
    known = [set(reading.cases) for reading in readings]
    shared = [case for case in train.table.cases if all(case in one for one in known)]
    if len(shared) < 3 or not readings:
        raise NotEstimableError(
            what="an intraclass correlation needs three training cases read twice",
            got=f"{len(shared)} cases with {1 + len(readings)} readings",
            fix="Re-segment more of the development patients (30 or more is usual).",
        )
    columns = train.table.columns
    cube = np.stack(
        [one.select(columns).rows(shared).values for one in (train.table, *readings)], axis=1
    )
    whole = np.isfinite(cube).all(axis=(0, 1))
    found = icc(np.where(whole, cube, 0.0), params.form, params.level)
    number = found.low if params.bound == "lower" else found.estimate
    name = f"ICC ({params.form}), {params.bound if params.bound == 'estimate' else 'lower limit'}"
    note = f"{len(shared)} training cases, {cube.shape[1]} readings"
    return KeepColumns(train, whole & (number >= params.icc_min), number, name, [note])


def icc(
    readings: Float[np.ndarray, "case reading feature"],
    form: Form = "agreement",
    level: float = 0.95,
) -> Icc:
    """Return single-reading intraclass correlations of a two-way layout.

    Parameters
    ----------
    readings : (case, reading, feature) float
        Complete.
    form : {"agreement", "consistency"}
        ICC(A,1) of a random, or ICC(C,1) of a fixed set of readers.
    level : float
        Two-sided confidence level.

    Returns
    -------
    Icc
        Confidence limits by the F distribution (agreement: Satterthwaite).

    Notes
    -----
    Source: McGraw and Wong 1996, Psychol Methods 1:30, tables 4 and 7, with the
    correction of 1:390.

    Examples
    --------
    >>> rows = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6],
    ...                  [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)
    >>> icc(rows[:, :, None]).estimate.round(2).tolist()
    [0.29]
    >>> icc(rows[:, :, None], "consistency").estimate.round(2).tolist()
    [0.71]
    """
    n, k, _ = readings.shape
    centred = readings - readings.mean(axis=(0, 1))
    rows, columns = centred.mean(axis=1), centred.mean(axis=0)
    msr = k * (rows**2).sum(axis=0) / (n - 1)
    msc = n * (columns**2).sum(axis=0) / (k - 1)
    rest = centred - rows[:, None] - columns[None]
    mse = (rest**2).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
    total = (centred**2).sum(axis=(0, 1))
    flat = total <= 1e-20 * (readings**2).sum(axis=(0, 1))
    msr = np.where(flat, 1.0, msr)
    # Identical readings have no error; a hair of it keeps the F ratios finite.
    mse = np.maximum(np.where(flat, 1.0, mse), 1e-15 * np.where(flat, 1.0, total))
    if form == "agreement":
        parts = _agreement(msr, np.where(flat, 1.0, msc), mse, (n, k), 0.5 + level / 2)
    else:
        parts = _consistency(msr, mse, (n, k), 0.5 + level / 2)
    estimate, low, high = (np.where(flat, 0.0, part) for part in parts)
    return Icc(estimate, low, high, n, k)


def _consistency(
    msr: Float[np.ndarray, " feature"],
    mse: Float[np.ndarray, " feature"],
    size: tuple[int, int],
    share: float,
) -> tuple[Float[np.ndarray, " feature"], ...]:
    """Return ICC(C,1) with its limits."""
    n, k = size
    df = (n - 1) * (k - 1)
    ratio = msr / mse
    low, high = ratio / stats.f.ppf(share, n - 1, df), ratio * stats.f.ppf(share, df, n - 1)
    return tuple((f - 1) / (f + k - 1) for f in (ratio, low, high))


def _agreement(
    msr: Float[np.ndarray, " feature"],
    msc: Float[np.ndarray, " feature"],
    mse: Float[np.ndarray, " feature"],
    size: tuple[int, int],
    share: float,
) -> tuple[Float[np.ndarray, " feature"], ...]:
    """Return ICC(A,1) with its limits."""
    n, k = size
    estimate = (msr - mse) / (msr + (k - 1) * mse + k / n * (msc - mse))
    # With perfect agreement the limits follow; the divisor must not vanish.
    gap = np.maximum(1 - estimate, 1e-12)
    a = k * estimate / (n * gap)
    b = 1 + k * estimate * (n - 1) / (n * gap)
    v = (a * msc + b * mse) ** 2 / (
        (a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)) + np.finfo(float).tiny
    )
    up, down = stats.f.ppf(share, n - 1, v), stats.f.ppf(share, v, n - 1)
    low = n * (msr - up * mse) / (up * (k * msc + (k * n - k - n) * mse) + n * msr)
    high = n * (down * msr - mse) / (k * msc + (k * n - k - n) * mse + n * down * msr)
    return estimate, low, high
