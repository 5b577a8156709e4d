# SPDX-License-Identifier: Apache-2.0
"""Missing values filled in several times, and what is pooled from it (Rubin's rules)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import interval_text, p_text
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pooled:
    """Estimates pooled over imputations.

    Parameters
    ----------
    estimate, se, low, high : (term,) float
        Pooled values on the scale they were given in (log ratios, not ratios).
    df, p : (term,) float
        Barnard and Rubin's degrees of freedom, and the P value of 0.
    within, between : (term,) float
        Mean variance, and variance of the estimates over imputations.
    missing_information : (term,) float
        Share of the information that the missing values took.
    imputations : int
        How many.
    level : float
        Confidence level.
    """

    estimate: Float[np.ndarray, " term"]
    se: Float[np.ndarray, " term"]
    low: Float[np.ndarray, " term"]
    high: Float[np.ndarray, " term"]
    df: Float[np.ndarray, " term"]
    p: Float[np.ndarray, " term"]
    within: Float[np.ndarray, " term"]
    between: Float[np.ndarray, " term"]
    missing_information: Float[np.ndarray, " term"]
    imputations: int
    level: float = 0.95

    def sentence(self, term: int = 0, digits: int = 2) -> str:
        """Write one pooled estimate as a manuscript would."""
        interval = interval_text(self.low[term], self.high[term], self.level, digits)
        return (
            f"{self.estimate[term]:.{digits}f} ({interval}; {p_text(float(self.p[term]))}, "
            f"Rubin's rules, {self.imputations} imputations)"
        )


def pool(
    estimates: ArrayLike,
    variances: ArrayLike,
    *,
    complete_df: float = float("inf"),
    level: float = 0.95,
) -> Pooled:
    """Pool estimates of imputed data sets by Rubin's rules.

    Parameters
    ----------
    estimates, variances : (imputation, term) or (imputation,) float
        Estimate and squared standard error in every imputed data set.
    complete_df : float
        Degrees of freedom that the analysis would have without missing values (cases minus
        coefficients); infinite for large cohorts.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        With fewer than two imputations.

    Notes
    -----
    As ``mice::pool.scalar(rule="rubin1987")``.  Source: Rubin 1987; Barnard and Rubin 1999,
    Biometrika 86:948.

    Examples
    --------
    >>> print(pool([0.5, 0.6, 0.7], [0.04, 0.05, 0.04]).sentence())
    0.60 (95 % CI 0.12-1.08; P = 0.02, Rubin's rules, 3 imputations)
    """
    q, u = floats("estimate", estimates), floats("variance", variances)
    q, u = (part[:, None] if part.ndim == 1 else part for part in (q, u))
    m = len(q)
    if m < 2 or q.shape != u.shape:
        raise NotEstimableError(
            what="pooling needs two imputations, each with estimate and variance",
            got=f"shapes {q.shape} and {u.shape}",
            fix="Impute 20 times.",
        )
    centre, within, between = q.mean(axis=0), u.mean(axis=0), q.var(axis=0, ddof=1)
    extra = (1 + 1 / m) * between
    total = within + extra
    share = np.divide(extra, total, out=np.zeros_like(total), where=total > 0)
    df = _degrees(share, m, complete_df)
    ratio = np.divide(extra, within, out=np.zeros_like(total), where=within > 0)
    se = np.sqrt(total)
    reach = stats.t.ppf((1 + level) / 2, df) * se
    return Pooled(
        estimate=centre,
        se=se,
        low=centre - reach,
        high=centre + reach,
        df=df,
        p=np.asarray(2 * stats.t.sf(np.abs(centre) / se, df)),
        within=within,
        between=between,
        missing_information=(ratio + 2 / (df + 3)) / (ratio + 1),
        imputations=m,
        level=level,
    )


def _degrees(
    share: Float[np.ndarray, " term"], m: int, complete_df: float
) -> Float[np.ndarray, " term"]:
    """Barnard and Rubin's degrees of freedom."""
    # Without spread between imputations they are infinite; 1e-4 is mice's own floor.
    old = (m - 1) / np.maximum(share, 1e-4) ** 2
    if np.isinf(complete_df):
        return np.asarray(old)
    seen = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    return np.asarray(old * seen / (old + seen))


def chained_imputations(
    X: ArrayLike, rng: np.random.Generator, *, imputations: int = 20, rounds: int = 10
) -> Float[np.ndarray, "imputation case term"]:
    """Fill in missing values several times by chained Bayesian regressions.

    Parameters
    ----------
    X : (case, term) float
        NaN where missing; pass the outcome as a column too, or its associations are diluted.
    rng : numpy.random.Generator
        For the draws.
    imputations : int
        How many completed tables.
    rounds : int
        Sweeps over the columns.

    Returns
    -------
    (imputation, case, term) float
        Observed values are the same in all.

    Raises
    ------
    NotEstimableError
        If a column has no value at all.

    Examples
    --------
    >>> X = np.array([[1.0, 2.1], [2, np.nan], [3, 6.2], [4, 7.9], [5, 10.3]])
    >>> tables = chained_imputations(X, np.random.default_rng(1), imputations=3)
    >>> tables.shape, bool(np.ptp(tables[:, 1, 1]) > 0)
    ((3, 5, 2), True)
    """
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401, PLC0415
    from sklearn.impute import IterativeImputer  # noqa: PLC0415 - heavy

    table = np.asarray(X, dtype=np.float64)
    if table.ndim != 2 or np.isinf(table).any():
        raise TableError(
            what="imputation needs a table of finite values and gaps",
            got=f"shape {table.shape}",
            fix="Write NaN where a value is missing.",
        )
    gaps = np.isnan(table)
    if gaps.all(axis=0).any():
        raise NotEstimableError(
            what="a column needs values to impute from",
            got=f"no value in columns {np.flatnonzero(gaps.all(axis=0))[:5].tolist()}",
            fix="Drop those columns.",
        )
    if not gaps.any():
        return np.repeat(table[None], imputations, axis=0)
    filled = []
    for _ in range(imputations):
        imputer = IterativeImputer(
            sample_posterior=True,
            max_iter=rounds,
            tol=0.0,
            random_state=int(rng.integers(2**31)),
        )
        filled.append(_quietly(imputer, table))
    return np.stack(filled)


def _quietly(imputer: object, table: Float[np.ndarray, "case term"]) -> np.ndarray:
    """Run all sweeps; draws never settle, so the imputer's warning about that says nothing."""
    import warnings  # noqa: PLC0415

    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(imputer.fit_transform(table))  # type: ignore[attr-defined]
