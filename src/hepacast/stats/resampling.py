# SPDX-License-Identifier: Apache-2.0
"""Bootstrap intervals, optimism, .632+, corrected resampled t, permutation tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.estimate import Estimate, HypothesisTest
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike

M = TypeVar("M")
Interval = Literal["bca", "percentile", "basic", "normal"]


def bootstrap_rows(
    n: int, resamples: int, rng: np.random.Generator
) -> Int[np.ndarray, "resample case"]:
    """Draw the rows of bootstrap resamples.

    >>> bootstrap_rows(5, 3, np.random.default_rng(1)).shape
    (3, 5)
    """
    rows: Int[np.ndarray, "resample case"] = rng.integers(0, n, (resamples, n))
    return rows


def _quantile(draws: Float[np.ndarray, " resample"], share: float) -> float:
    """Order statistic number (R + 1) share, interpolated on the normal scale, as R's boot."""
    ordered = np.sort(draws)
    r = ordered.size
    place = (r + 1) * share
    k = int(place)
    if k <= 0 or k >= r:
        return float(ordered[0] if k <= 0 else ordered[-1])
    if abs(place - k) < 1e-10:
        return float(ordered[k - 1])
    at, low, high = (float(stats.norm.ppf(p)) for p in (share, k / (r + 1), (k + 1) / (r + 1)))
    return float(ordered[k - 1] + (at - low) / (high - low) * (ordered[k] - ordered[k - 1]))


def bootstrap_interval(
    estimate: float,
    draws: ArrayLike,
    *,
    kind: Interval = "percentile",
    influence: ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval from bootstrap draws.

    Parameters
    ----------
    estimate : float
        In the cohort itself.
    draws : (resample,) float
        In the resamples; 1,000 at least for the tails.
    kind : {"bca", "percentile", "basic", "normal"}
        BCa corrects for bias and skewness, and needs ``influence``.
    influence : (case,) float, optional
        Influence (or jackknife) values of the cases, for the acceleration.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        If all draws lie on one side of the estimate (BCa), or influence is missing.

    Notes
    -----
    As ``boot::boot.ci``.  Source: Efron 1987, J Am Stat Assoc 82:171.

    Examples
    --------
    >>> low, high = bootstrap_interval(0.5, np.linspace(0, 1, 999))
    >>> round(low, 3), round(high, 3)
    (0.024, 0.976)
    """
    values = floats("bootstrap draw", draws)
    low, high = (1 - level) / 2, (1 + level) / 2
    if kind == "normal":
        # The bias estimate is subtracted, as in boot.ci.
        centre, reach = 2 * estimate - values.mean(), stats.norm.ppf(high) * values.std(ddof=1)
        return float(centre - reach), float(centre + reach)
    if kind == "bca":
        low, high = _bca_shares(estimate, values, influence, (low, high))
    limits = _quantile(values, low), _quantile(values, high)
    if kind == "basic":
        return 2 * estimate - limits[1], 2 * estimate - limits[0]
    return limits


def _bca_shares(
    estimate: float,
    draws: Float[np.ndarray, " resample"],
    influence: ArrayLike | None,
    shares: tuple[float, float],
) -> tuple[float, float]:
    below = float((draws < estimate).mean())
    if influence is None or not 0 < below < 1:
        raise NotEstimableError(
            what="a BCa interval needs influence values and draws on both sides of the estimate",
            got=f"{100 * below:g} % of the draws below it"
            + (", no influence values" if influence is None else ""),
            fix="Use kind='percentile'.",
        )
    pull = floats("influence", influence)
    skew = float((pull**3).sum() / (6 * (pull**2).sum() ** 1.5))
    bias = float(stats.norm.ppf(below))
    z = [bias + float(stats.norm.ppf(share)) for share in shares]
    a, b = (float(stats.norm.cdf(bias + one / (1 - skew * one))) for one in z)
    return a, b


def bootstrap(
    statistic: Callable[[Int[np.ndarray, " row"]], float],
    n: int,
    rng: np.random.Generator,
    *,
    name: str = "estimate",
    resamples: int = 2000,
    kind: Interval = "percentile",
    level: float = 0.95,
) -> Estimate:
    """Bootstrap any statistic of rows.

    Parameters
    ----------
    statistic : callable
        Takes row numbers, returns a number; may raise NotEstimableError for a resample.
    n : int
        Rows.
    rng : numpy.random.Generator
        Source of the resamples.
    name : str
        What a manuscript calls it.
    resamples : int
        How many.
    kind : {"bca", "percentile", "basic", "normal"}
        BCa takes n further evaluations for the jackknife.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        If more than one resample in ten cannot be estimated.

    Examples
    --------
    >>> values = np.arange(20.0)
    >>> mean = lambda rows: float(values[rows].mean())
    >>> bootstrap(mean, 20, np.random.default_rng(1), kind="bca").low < 9.5
    True
    """
    everybody = np.arange(n)
    estimate = statistic(everybody)
    draws = []
    for rows in bootstrap_rows(n, resamples, rng):
        try:
            draws.append(statistic(rows))
        except NotEstimableError:
            continue
    if len(draws) < 0.9 * resamples:
        raise NotEstimableError(
            what="a bootstrap needs resamples that can be estimated",
            got=f"{resamples - len(draws)} of {resamples} could not",
            fix="The cohort is too small or too unbalanced: report no interval.",
        )
    influence = None
    if kind == "bca":
        without = np.array([statistic(np.delete(everybody, row)) for row in range(n)])
        influence = without.mean() - without
    low, high = bootstrap_interval(estimate, draws, kind=kind, influence=influence, level=level)
    return Estimate(
        name=name,
        estimate=estimate,
        low=low,
        high=high,
        se=float(np.std(draws, ddof=1)),
        n=n,
        events=0,
        method=f"bootstrap, {kind}, {len(draws)} resamples",
        level=level,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """An accuracy corrected for optimism.

    Parameters
    ----------
    apparent : float
        In the cases that the model learned from.
    optimism : float
        Mean of training minus testing over resamples.
    corrected : float
        Apparent minus optimism.
    resamples : int
        That could be fitted.
    """

    apparent: float
    optimism: float
    corrected: float
    resamples: int

    def sentence(self, name: str = "accuracy", digits: int = 3) -> str:
        """Write it as a manuscript would."""
        return (
            f"{name} {self.corrected:.{digits}f} after correction for optimism (apparent "
            f"{self.apparent:.{digits}f}; {self.resamples} bootstrap resamples)"
        )


def optimism(
    fit: Callable[[Int[np.ndarray, " row"]], M],
    score: Callable[[M, Int[np.ndarray, " row"]], float],
    draws: Int[np.ndarray, "resample case"],
) -> Corrected:
    """Correct an accuracy for optimism by the bootstrap (Harrell).

    Parameters
    ----------
    fit : callable
        Runs the whole modelling, selection included, on row numbers.
    score : callable
        Accuracy of a model on row numbers.
    draws : (resample, case) int
        From :func:`bootstrap_rows`.

    Notes
    -----
    As ``rms::validate``.  Source: Harrell 1996, Stat Med 15:361.

    Examples
    --------
    >>> rows = bootstrap_rows(10, 20, np.random.default_rng(1))
    >>> optimism(lambda rows: 0, lambda model, rows: 0.7, rows).corrected
    0.7
    """
    everybody = np.arange(draws.shape[1])
    apparent = score(fit(everybody), everybody)
    gaps = []
    for rows in draws:
        try:
            model = fit(rows)
            gaps.append(score(model, rows) - score(model, everybody))
        except NotEstimableError:
            continue
    if len(gaps) < 0.9 * len(draws):
        raise NotEstimableError(
            what="a correction for optimism needs resamples that can be fitted",
            got=f"{len(draws) - len(gaps)} of {len(draws)} could not",
            fix="The model is too large for the cohort.",
        )
    mean = float(np.mean(gaps))
    return Corrected(
        apparent=apparent, optimism=mean, corrected=apparent - mean, resamples=len(gaps)
    )


def corrected_resampled_t(differences: ArrayLike, test_share: float) -> HypothesisTest:
    """Test the mean difference of two models over repeated cross-validation.

    Parameters
    ----------
    differences : (fold,) float
        First minus second model, in each fold of each repeat.
    test_share : float
        Cases tested over cases trained on: 1 / 4 for five folds.

    Notes
    -----
    The folds share training cases; their variance is enlarged by 1/J + test/train.  Source:
    Nadeau and Bengio 2003, Mach Learn 52:239.

    Examples
    --------
    >>> test = corrected_resampled_t([0.02, 0.05, 0.01, 0.04, 0.03], 0.25)
    >>> round(test.p, 3)
    0.047
    """
    values = floats("difference", differences)
    if values.size < 2 or values.std() == 0:
        raise NotEstimableError(
            what="a resampled t test needs folds that differ",
            got=f"{values.size} folds with spread {values.std() if values.size else 0:g}",
            fix="Report the difference without a test.",
        )
    se = np.sqrt(values.var(ddof=1) * (1 / values.size + test_share))
    t = float(values.mean() / se)
    return HypothesisTest(
        name="difference of two models",
        statistic=t,
        df=values.size - 1,
        p=float(2 * stats.t.sf(abs(t), values.size - 1)),
        method="corrected resampled t test",
    )


def permutation_p(observed: float, null: ArrayLike) -> HypothesisTest:
    """P value of an accuracy against those with permuted outcomes.

    Parameters
    ----------
    observed : float
        Of the pipeline; higher is better.
    null : (permutation,) float
        Of the whole pipeline run again on permuted outcomes.

    Returns
    -------
    HypothesisTest
        One-sided; never 0, since the observed order counts as one of the permutations.

    Notes
    -----
    Source: Phipson and Smyth 2010, Stat Appl Genet Mol Biol 9:39.

    Examples
    --------
    >>> permutation_p(0.8, [0.5, 0.6, 0.4]).p
    0.25
    """
    values = floats("permuted accuracy", null)
    return HypothesisTest(
        name="better than chance",
        statistic=observed,
        df=float("nan"),
        p=float((1 + (values >= observed).sum()) / (1 + values.size)),
        method=f"permutation test, {values.size} permutations",
    )
