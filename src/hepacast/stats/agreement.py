# SPDX-License-Identifier: Apache-2.0
"""Agreement of readers: intraclass correlations of many features at once, and kappas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import interval_text
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

Form = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
"""Shrout and Fleiss' names: one-way, two-way random, two-way mixed; one reader, mean of k."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Agreement:
    """Intraclass correlation of every feature.

    Parameters
    ----------
    form : str
        Shrout and Fleiss' name, such as ``"2,1"``.
    estimate, low, high : (feature,) float
        Correlation and its limits; NaN where ``constant``.
    f, p : (feature,) float
        F statistic and P value of no agreement; 1 and NaN where ``constant``.
    constant : (feature,) bool
        All readings are equal: agreement cannot be told from lack of variation.
    cases, readers : int
        How many.
    level : float
        Confidence level.
    """

    form: Form
    estimate: Float[np.ndarray, " feature"]
    low: Float[np.ndarray, " feature"]
    high: Float[np.ndarray, " feature"]
    f: Float[np.ndarray, " feature"]
    p: Float[np.ndarray, " feature"]
    constant: Bool[np.ndarray, " feature"]
    cases: int
    readers: int
    level: float = 0.95

    def reliable(self, above: float = 0.75, *, limit: bool = False) -> Bool[np.ndarray, " feature"]:
        """Tell which features exceed a value, with their estimate or with the lower limit."""
        chosen: Bool[np.ndarray, " feature"] = (self.low if limit else self.estimate) > above
        return chosen

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        if self.estimate.size == 1:
            interval = interval_text(self.low[0], self.high[0], self.level, digits)
            return f"ICC({self.form}) {self.estimate[0]:.{digits}f} ({interval}; F test)"
        low, high = np.nanmin(self.estimate), np.nanmax(self.estimate)
        return (
            f"ICC({self.form}) of {self.estimate.size} features between {low:.{digits}f} and "
            f"{high:.{digits}f} ({self.readers} readings of {self.cases} cases)"
        )


def icc(readings: ArrayLike, form: Form = "2,1", *, level: float = 0.95) -> Agreement:
    """Intraclass correlation, vectorised over features.

    Parameters
    ----------
    readings : (reader, case, feature) or (reader, case) float
        One table per reader or repetition; no missing values.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}
        ``2`` asks for absolute agreement of readers drawn at random, ``3`` for consistency of
        these readers, ``1`` when readers differ from case to case.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        With fewer than two readers or two cases.

    Notes
    -----
    Source: Shrout and Fleiss 1979, Psychol Bull 86:420; limits of form 2 as McGraw and Wong
    1996, Psychol Methods 1:30.

    Examples
    --------
    >>> first, second = [9.0, 6, 8, 7, 10, 6], [2.0, 1, 4, 1, 5, 2]
    >>> icc([first, second], "3,1").sentence()
    'ICC(3,1) 0.75 (95 % CI -0.02 to 0.96; F test)'
    """
    table = floats("reading", readings)
    table = table[:, :, None] if table.ndim == 2 else table
    if table.ndim != 3 or min(table.shape[:2]) < 2:
        raise NotEstimableError(
            what="an intraclass correlation needs two readings of two cases",
            got=f"shape {table.shape} (reader, case, feature)",
            fix="Pass one table per reader, with the same cases in the same order.",
        )
    parts = _Squares.of(table)
    one, k = form[0], parts.readers
    rules: dict[str, Callable[[], tuple[np.ndarray, ...]]] = {
        "1": lambda: _ratio_form(parts, parts.within, parts.cases * (k - 1), level),
        "2": lambda: _absolute_form(parts, level),
        "3": lambda: _ratio_form(parts, parts.error, (parts.cases - 1) * (k - 1), level),
    }
    if one not in rules or form[2:] not in ("1", "k"):
        raise TableError(
            what="an ICC has one of the forms 1,1  2,1  3,1  1,k  2,k  3,k",
            got=repr(form),
            fix="Write '2,1' for absolute agreement of single readings.",
        )
    values = [np.where(parts.flat, np.nan, value) for value in rules[one]()]
    if form.endswith("k"):
        values[:3] = [k * value / (1 + (k - 1) * value) for value in values[:3]]
    estimate, low, high, f, p = values
    return Agreement(
        form=form,
        estimate=estimate,
        low=low,
        high=high,
        f=f,
        p=p,
        constant=parts.flat,
        cases=parts.cases,
        readers=k,
        level=level,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Squares:
    """Mean squares of the two-way table of every feature."""

    between: Float[np.ndarray, " feature"]
    within: Float[np.ndarray, " feature"]
    reader: Float[np.ndarray, " feature"]
    error: Float[np.ndarray, " feature"]
    flat: Bool[np.ndarray, " feature"]
    cases: int
    readers: int

    @classmethod
    def of(cls, table: Float[np.ndarray, "reader case feature"]) -> _Squares:
        k, n = table.shape[:2]
        # Large offsets would cancel digits in the sums of squares.
        centred = table - table[0, 0]
        total_mean = centred.mean(axis=(0, 1))
        case_mean, reader_mean = centred.mean(axis=0), centred.mean(axis=1)
        rows = k * ((case_mean - total_mean) ** 2).sum(axis=0)
        columns = n * ((reader_mean - total_mean) ** 2).sum(axis=0)
        inside = ((centred - case_mean) ** 2).sum(axis=(0, 1))
        rest = np.maximum(inside - columns, 0.0)
        # Rounding dust of a feature that every reader copied is no disagreement.
        rest[rest < 1e-20 * np.maximum(rows, 1e-300)] = 0.0
        flat = (centred == 0).all(axis=(0, 1))
        return cls(
            rows / (n - 1),
            inside / (n * (k - 1)),
            columns / (k - 1),
            rest / ((n - 1) * (k - 1)),
            flat,
            n,
            k,
        )


def _ratio_form(
    parts: _Squares, noise: Float[np.ndarray, " feature"], df: int, level: float
) -> tuple[np.ndarray, ...]:
    """Forms 1 and 3: a function of one F statistic."""
    k, above = parts.readers, parts.cases - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        f = parts.between / noise
    tail = (1 + level) / 2
    f_low = f / stats.f.ppf(tail, above, df)
    f_high = f * stats.f.ppf(tail, df, above)

    def correlation(value: Float[np.ndarray, " feature"]) -> Float[np.ndarray, " feature"]:
        finite = np.isfinite(value)
        kept = np.where(finite, value, 1.0)
        return np.where(finite, (kept - 1) / (kept + k - 1), 1.0)

    return correlation(f), correlation(f_low), correlation(f_high), f, stats.f.sf(f, above, df)


def _absolute_form(parts: _Squares, level: float) -> tuple[np.ndarray, ...]:
    """Form 2, with Satterthwaite's degrees of freedom for its limits."""
    n, k = parts.cases, parts.readers
    b, j, e = parts.between, parts.reader, parts.error
    below = b + (k - 1) * e + k * (j - e) / n
    rho = (b - e) / np.where(below > 0, below, 1.0)
    perfect = e == 0
    safe = np.where(perfect, 1.0, e)
    fj = j / safe
    inner = n * (1 + (k - 1) * rho) - k * rho
    top = (k - 1) * (n - 1) * (k * rho * fj + inner) ** 2
    v = top / ((n - 1) * (k * rho * fj) ** 2 + inner**2)
    # Without error the spread is that of the readers alone.
    v = np.where(perfect, k - 1.0, v)
    tail = (1 + level) / 2
    upper, lower = stats.f.ppf(tail, n - 1, v), stats.f.ppf(tail, v, n - 1)
    spread = k * j + (k * n - k - n) * e
    low = n * (b - upper * e) / np.maximum(upper * spread + n * b, 1e-300)
    high = n * (lower * b - e) / np.maximum(spread + n * lower * b, 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = b / e
    return rho, low, high, f, stats.f.sf(f, n - 1, (n - 1) * (k - 1))
