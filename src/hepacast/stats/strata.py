# SPDX-License-Identifier: Apache-2.0
"""Whether a treatment helps in some classes of predicted risk and not in others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.cox import fit_cox
from hepacast.stats.cox_residuals import cox_data, robust
from hepacast.stats.estimate import HypothesisTest, interval_text, p_text
from hepacast.stats.inputs import flags, floats, times
from hepacast.stats.matching import landmark, match_propensity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike

    from hepacast.stats.matching import Landmark


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassBenefit:
    """A treatment in one class, among matched patients.

    Parameters
    ----------
    name : str
        Of the class.
    n, treated : int
        Cases at the landmark, and those treated by it.
    pairs, events : int
        Matched pairs, and events in them.
    imbalance : float
        Largest standardised difference of a covariate after matching.
    ratio, low, high, p : float or None
        Hazard ratio of the treatment; None where it cannot be estimated.
    reason : str
        Why it cannot; empty otherwise.
    """

    name: str
    n: int
    treated: int
    pairs: int = 0
    events: int = 0
    imbalance: float = float("nan")
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        if self.ratio is None or self.low is None or self.high is None or self.p is None:
            inside = f"{self.treated} of {self.n} treated; {self.reason}"
            return f"{self.name}: not estimable ({inside})"
        interval = interval_text(self.low, self.high, 0.95)
        return (
            f"{self.name}: HR {self.ratio:.2f} ({interval}; {p_text(self.p)}, {self.pairs} pairs)"
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StrataBenefit:
    """A treatment over classes of predicted risk.

    Parameters
    ----------
    classes : tuple of ClassBenefit
        In the order of their names.
    interaction : HypothesisTest or None
        That the hazard ratio is the same in all estimable classes; None with fewer than two.
    landmark : Landmark
        The cohort from the landmark on.
    """

    classes: tuple[ClassBenefit, ...]
    interaction: HypothesisTest | None
    landmark: Landmark

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        parts = [one.sentence() for one in self.classes]
        if self.interaction is not None:
            parts.append(f"interaction {p_text(self.interaction.p)} ({self.interaction.method})")
        return "; ".join([*parts, self.landmark.sentence()])


def four_classes(early: ArrayLike, survival: ArrayLike) -> tuple[str, ...]:
    """Cross the risk groups of early recurrence and of overall survival.

    Parameters
    ----------
    early, survival : (case,) bool
        True where the predicted risk of early recurrence, or of death, is high.

    Examples
    --------
    >>> four_classes([1, 0], [0, 0])
    ('ER high, OS low', 'ER low, OS low')
    """
    words = ("low", "high")
    first = flags("risk of early recurrence", early)
    second = flags("risk of death", survival, first.size)
    return tuple(
        f"ER {words[int(a)]}, OS {words[int(b)]}" for a, b in zip(first, second, strict=True)
    )


def treatment_over_strata(
    group: ArrayLike,
    follow_up: tuple[ArrayLike, ArrayLike],
    treated_at: ArrayLike,
    covariates: ArrayLike,
    when: float,
    *,
    caliper: float = 0.2,
) -> StrataBenefit:
    """Estimate what a treatment does within classes, in matched patients from a landmark on.

    Parameters
    ----------
    group : (case,) str
        Class of each case, from predictions that left it out.
    follow_up : (time, event)
        Follow-up from the index date; True where the event was seen.
    treated_at : (case,) float
        Time of the treatment; infinite or NaN where there was none.
    covariates : (case, term) float
        Known before any treatment; matched on within each class.
    when : float
        The landmark: who died or left before it does not count, and a treatment after it does
        not count as one.
    caliper : float
        Largest difference of log odds of treatment, in standard deviations.

    Returns
    -------
    StrataBenefit
        Hazard ratios of the treated against their matched partners, with standard errors robust
        to the pairing; the interaction is a robust Wald test over the estimable classes.

    Raises
    ------
    NotEstimableError
        If nobody is left at the landmark.

    Notes
    -----
    Retreatment happens after recurrence: without the landmark, having lived to be treated looks
    like a benefit of it.  Source: Anderson 1983, J Clin Oncol 1:710; Austin 2014, Stat Med
    33:1242 (matched pairs); Lin and Wei 1989, J Am Stat Assoc 84:1074.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> group = np.where(np.arange(400) % 2, "high", "low")
    >>> x, treated = rng.normal(size=400), rng.random(400) < 0.5
    >>> hazard = np.where((group == "high") & treated, 0.25, 1.0)
    >>> follow_up = rng.exponential(1 / hazard), np.ones(400)
    >>> found = treatment_over_strata(group, follow_up, np.where(treated, 0, np.inf), x, 0.0)
    >>> [one.name for one in found.classes if one.high < 1], found.interaction.p < 0.05
    (['high'], True)
    """
    event = flags("event", follow_up[1])
    time = times(follow_up[0], event.size)
    matrix = floats("covariate", covariates, event.size)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    cohort = landmark(time, event, treated_at, when)
    names = np.asarray(group)[cohort.rows]
    matched: list[tuple[Int[np.ndarray, " case"], Int[np.ndarray, " case"], str]] = []
    classes = []
    for name in sorted(set(names.tolist())):
        rows = np.flatnonzero(names == name)
        found, kept, pair = _one_class(name, rows, cohort, matrix[cohort.rows], caliper)
        classes.append(found)
        if found.ratio is not None:
            matched.append((kept, pair, name))
    return StrataBenefit(
        classes=tuple(classes), interaction=_interaction(matched, cohort), landmark=cohort
    )


def _one_class(
    name: str,
    rows: Int[np.ndarray, " row"],
    cohort: Landmark,
    matrix: Float[np.ndarray, "case term"],
    caliper: float,
) -> tuple[ClassBenefit, Int[np.ndarray, " case"], Int[np.ndarray, " case"]]:
    """Match and compare in one class; a class that cannot be estimated says why."""
    none = np.zeros(0, dtype=np.int64)
    n, treated = rows.size, int(cohort.exposed[rows].sum())
    try:
        found = match_propensity(matrix[rows], cohort.exposed[rows], caliper=caliper)
    except NotEstimableError as error:
        return ClassBenefit(name=name, n=n, treated=treated, reason=error.what), none, none
    kept, pair = rows[found.rows], found.pair
    pairs, events = found.treated.size, int(cohort.event[kept].sum())
    imbalance = float(np.abs(found.after).max())
    time, event, given = _arms(cohort, kept)
    try:
        fit = fit_cox(given, time, event, ["treatment"])
        table = robust(fit, cox_data(fit, given, time, event), pair)
    except NotEstimableError as error:
        reason = f"{error.what}: {events} events in {pairs} pairs"
        return (
            ClassBenefit(
                name=name,
                n=n,
                treated=treated,
                pairs=pairs,
                events=events,
                imbalance=imbalance,
                reason=reason,
            ),
            none,
            none,
        )
    benefit = ClassBenefit(
        name=name,
        n=n,
        treated=treated,
        pairs=pairs,
        events=events,
        imbalance=imbalance,
        ratio=float(table.ratio[0]),
        low=float(table.ratio_low[0]),
        high=float(table.ratio_high[0]),
        p=float(table.p[0]),
    )
    return benefit, kept, pair


def _arms(
    cohort: Landmark, rows: Int[np.ndarray, " row"]
) -> tuple[Float[np.ndarray, " row"], Bool[np.ndarray, " row"], Float[np.ndarray, "row one"]]:
    return cohort.time[rows], cohort.event[rows], cohort.exposed[rows, None].astype(np.float64)


def _interaction(
    matched: Sequence[tuple[Int[np.ndarray, " case"], Int[np.ndarray, " case"], str]],
    cohort: Landmark,
) -> HypothesisTest | None:
    """Test whether the classes share one hazard ratio; each class keeps its own baseline."""
    if len(matched) < 2:
        return None
    rows = np.concatenate([kept for kept, _, _ in matched])
    which = np.repeat(np.arange(len(matched)), [kept.size for kept, _, _ in matched])
    pair = np.concatenate([own + 10**9 * at for at, (_, own, _) in enumerate(matched)])
    time, event, given = _arms(cohort, rows)
    each = given * (which[:, None] == np.arange(len(matched)))
    names = [name for _, _, name in matched]
    fit = fit_cox(each, time, event, names, strata=which)
    table = robust(fit, cox_data(fit, each, time, event, which), pair)
    against = np.column_stack([np.ones(len(matched) - 1), -np.eye(len(matched) - 1)])
    gap = against @ table.beta
    statistic = float(gap @ np.linalg.solve(against @ table.covariance @ against.T, gap))
    df = len(matched) - 1
    return HypothesisTest(
        name="treatment by class",
        statistic=statistic,
        df=df,
        p=float(stats.chi2.sf(statistic, df)),
        method="robust Wald test",
    )
