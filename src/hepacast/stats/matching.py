# SPDX-License-Identifier: Apache-2.0
"""Fair comparisons of treatments: matching, interaction with a class, landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.cox import fit_cox
from hepacast.stats.estimate import HypothesisTest, p_text
from hepacast.stats.inputs import both_classes, flags, floats, times
from hepacast.stats.regression import fit_logistic

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Matching:
    """Pairs of treated and untreated cases.

    Parameters
    ----------
    treated, control : (pair,) int
        Rows.
    distance : (case,) float
        What was matched on: the log odds of treatment.
    unmatched : int
        Treated cases without a partner within the caliper.
    before, after : (term,) float
        Standardised mean differences of the covariates (treated minus control, over the
        treated cases' standard deviation).
    caliper : float
        Largest distance allowed, in standard deviations; infinite if none.
    """

    treated: Int[np.ndarray, " pair"]
    control: Int[np.ndarray, " pair"]
    distance: Float[np.ndarray, " case"]
    unmatched: int
    before: Float[np.ndarray, " term"]
    after: Float[np.ndarray, " term"]
    caliper: float

    @property
    def rows(self) -> Int[np.ndarray, " case"]:
        """Return the rows of all matched cases, treated first."""
        return np.concatenate([self.treated, self.control])

    @property
    def pair(self) -> Int[np.ndarray, " case"]:
        """Return the number of the pair of each of ``rows``: a stratum or a cluster."""
        return np.tile(np.arange(self.treated.size), 2)

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return (
            f"{self.treated.size} pairs matched on the propensity score ({self.unmatched} treated "
            f"cases without a partner); largest standardised difference "
            f"{np.abs(self.before).max():.2f} before, {np.abs(self.after).max():.2f} after"
        )


def match_propensity(X: ArrayLike, treated: ArrayLike, *, caliper: float = 0.2) -> Matching:
    """Match every treated case to the nearest untreated one, without replacement.

    Parameters
    ----------
    X : (case, term) float
        Covariates known before treatment.
    treated : (case,) bool
        True where treated.
    caliper : float
        Largest difference of log odds, in their standard deviations; infinite for none.

    Returns
    -------
    Matching
        The treated case with the highest propensity chooses first; of equally near controls
        the first row is taken.

    Raises
    ------
    NotEstimableError
        If nobody can be matched.

    Notes
    -----
    Source: Austin 2011, Multivariate Behav Res 46:399, for the caliper of 0.2.

    Examples
    --------
    >>> X = np.array([[1.0], [2], [3], [4], [5], [6]])
    >>> match_propensity(X, [0, 1, 0, 1, 0, 1], caliper=float("inf")).control.tolist()
    [4, 2, 0]
    """
    given = flags("treatment", treated)
    both_classes("matching", given)
    matrix = floats("covariate", X, given.size)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    distance = fit_logistic(matrix, given).linear(matrix)
    limit = caliper * float(distance.std(ddof=1)) if np.isfinite(caliper) else np.inf
    free = ~given
    pairs = []
    for row in sorted(np.flatnonzero(given), key=lambda r: -distance[r]):
        if not free.any():
            break
        gap = np.where(free, np.abs(distance - distance[row]), np.inf)
        best = int(np.argmin(gap))
        if gap[best] <= limit:
            free[best] = False
            pairs.append((int(row), best))
    if not pairs:
        raise NotEstimableError(
            what="matching needs pairs within the caliper",
            got=f"none of {int(given.sum())} treated cases",
            fix="Widen the caliper, or say that the groups do not overlap.",
        )
    yes, no = np.array(pairs).T
    spread = matrix[given].std(axis=0, ddof=1)
    safe = np.where(spread > 0, spread, 1.0)
    return Matching(
        treated=yes,
        control=no,
        distance=distance,
        unmatched=int(given.sum()) - yes.size,
        before=(matrix[given].mean(axis=0) - matrix[~given].mean(axis=0)) / safe,
        after=(matrix[yes].mean(axis=0) - matrix[no].mean(axis=0)) / safe,
        caliper=caliper,
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Interaction:
    """Effect of a treatment within classes.

    Parameters
    ----------
    classes : tuple of str
        In sorted order.
    ratio, low, high, p : (class,) float
        Hazard ratio of treatment within each class, its limits and P value.
    test : HypothesisTest
        That the ratio is the same in all classes.
    """

    classes: tuple[str, ...]
    ratio: Float[np.ndarray, " class"]
    low: Float[np.ndarray, " class"]
    high: Float[np.ndarray, " class"]
    p: Float[np.ndarray, " class"]
    test: HypothesisTest

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        parts = "; ".join(
            f"{name} HR {ratio:.2f} (95 % CI {low:.2f}-{high:.2f})"
            for name, ratio, low, high in zip(
                self.classes, self.ratio, self.low, self.high, strict=True
            )
        )
        return f"{parts}; interaction {p_text(self.test.p)} ({self.test.method})"


def treatment_by_class(
    treated: ArrayLike, group: ArrayLike, time: ArrayLike, event: ArrayLike
) -> Interaction:
    """Test whether a treatment's hazard ratio differs between classes.

    Parameters
    ----------
    treated : (case,) bool
        True where treated; known from the start of follow-up (see :func:`landmark`).
    group : (case,)
        Class labels.
    time, event : (case,)
        Follow-up.

    Returns
    -------
    Interaction
        Classes as main effects, one treatment effect each; likelihood ratio test against one
        common effect.

    Raises
    ------
    NotEstimableError
        If a class has no events on one side of the treatment.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> treated, group = rng.integers(0, 2, 300), rng.choice(["a", "b"], 300)
    >>> hazard = np.where((group == "b") & (treated == 1), 0.3, 1.0)
    >>> treatment_by_class(treated, group, rng.exponential(1 / hazard), np.ones(300)).test.p < 0.01
    True
    """
    given = flags("treatment", treated).astype(np.float64)
    happened = flags("event", event, given.size)
    follow = times(time, given.size)
    labels, which = np.unique(np.asarray(group), return_inverse=True)
    if labels.size < 2 or which.size != given.size:
        raise NotEstimableError(
            what="an interaction needs two classes",
            got=f"{labels.size} classes in {which.size} labels for {given.size} cases",
            fix="Report the treatment effect alone.",
        )
    inside = which[:, None] == np.arange(labels.size)
    main = inside[:, 1:].astype(np.float64)
    each = inside * given[:, None]
    classes = tuple(map(str, labels))
    full = fit_cox(np.column_stack([main, each]), follow, happened)
    common = fit_cox(np.column_stack([main, given]), follow, happened)
    df = labels.size - 1
    statistic = 2 * (full.loglik - common.loglik)
    table, own = full.coefficients, slice(df, None)
    return Interaction(
        classes=classes,
        ratio=table.ratio[own],
        low=table.ratio_low[own],
        high=table.ratio_high[own],
        p=table.p[own],
        test=HypothesisTest(
            name="treatment by class",
            statistic=statistic,
            df=df,
            p=float(stats.chi2.sf(statistic, df)),
            method="likelihood ratio test",
        ),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Landmark:
    """A cohort that starts at a landmark.

    Parameters
    ----------
    rows : (case,) int
        Cases still at risk and free of the event.
    time : (case,) float
        From the landmark on.
    event : (case,) bool
        True where the event was seen.
    exposed : (case,) bool
        Exposed by the landmark; exposures after it are ignored.
    excluded : int
        Cases with the event, or censored, by the landmark.
    late : int
        Kept cases who were exposed only after it.
    """

    rows: Int[np.ndarray, " case"]
    time: Float[np.ndarray, " case"]
    event: Bool[np.ndarray, " case"]
    exposed: Bool[np.ndarray, " case"]
    excluded: int
    late: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return (
            f"landmark analysis of {self.rows.size} cases ({self.excluded} left before the "
            f"landmark, {self.late} exposed after it)"
        )


def landmark(time: ArrayLike, event: ArrayLike, exposed_at: ArrayLike, when: float) -> Landmark:
    """Start follow-up at a landmark, so that an exposure cannot profit from surviving to it.

    Parameters
    ----------
    time, event : (case,)
        Follow-up from the index date.
    exposed_at : (case,) float
        Time of the exposure; infinite or NaN where there was none.
    when : float
        The landmark, in the unit of ``time``; choose it before looking at outcomes.

    Raises
    ------
    NotEstimableError
        If nobody is left at the landmark.

    Notes
    -----
    Source: Anderson 1983, J Clin Oncol 1:710.

    Examples
    --------
    >>> cohort = landmark([1.0, 5, 9], [1, 1, 0], [np.inf, 2, 7], 3.0)
    >>> cohort.rows.tolist(), cohort.exposed.tolist(), cohort.late
    ([1, 2], [True, False], 1)
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    begun = np.asarray(exposed_at, dtype=np.float64)
    begun = np.where(np.isnan(begun), np.inf, begun)
    rows = np.flatnonzero(follow > when)
    if not rows.size:
        raise NotEstimableError(
            what="a landmark analysis needs cases still at risk",
            got=f"none after {when:g}",
            fix="Choose an earlier landmark.",
        )
    late = (begun[rows] > when) & (begun[rows] <= follow[rows])
    return Landmark(
        rows=rows,
        time=follow[rows] - when,
        event=happened[rows],
        exposed=begun[rows] <= when,
        excluded=happened.size - rows.size,
        late=int(late.sum()),
    )


def propensity(X: ArrayLike, treated: ArrayLike) -> Float[np.ndarray, " case"]:
    """Probability of treatment given covariates, by logistic regression.

    Parameters
    ----------
    X : (case, term) float
        Covariates known before treatment.
    treated : (case,) bool
        True where treated.

    Examples
    --------
    >>> propensity([1.0, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1]).sum().round(6)
    np.float64(3.0)
    """
    given = flags("treatment", treated)
    score: Float[np.ndarray, " case"] = special.expit(fit_logistic(X, given).linear(X))
    return score
