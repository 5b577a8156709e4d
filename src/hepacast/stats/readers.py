# SPDX-License-Identifier: Apache-2.0
"""Reader studies: several readers, the same cases, two conditions (with and without a model)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import Comparison, Estimate, compared, z_of
from hepacast.stats.inputs import both_classes, flags, floats
from hepacast.stats.roc import placements

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

Merit = Literal["AUC", "sensitivity", "specificity"]
CONDITIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variance and covariances of the estimates, over cases.

    Parameters
    ----------
    variance : float
        Of one reader in one condition.
    cov1, cov2, cov3 : float
        Of one reader in both conditions; of two readers in one condition; of two readers in
        different conditions.
    """

    variance: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReaderStudy:
    """Two conditions compared over readers and cases.

    Parameters
    ----------
    merit : {"AUC", "sensitivity", "specificity"}
        What was compared.
    estimates : (condition, reader) float
        Of each reader in each condition.
    means : tuple of Estimate
        Mean over readers in each condition; interval for readers and cases like these.
    random_readers : Comparison
        First condition minus second, for readers and cases like these.
    fixed_readers : Comparison
        The same for these very readers, and cases like these.
    components : Components
        What the cases contribute.
    """

    merit: Merit
    estimates: Float[np.ndarray, "condition reader"]
    means: tuple[Estimate, Estimate]
    random_readers: Comparison
    fixed_readers: Comparison
    components: Components

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return f"{self.estimates.shape[1]} readers: {self.random_readers.sentence()}"


def reader_study(
    reads: ArrayLike, event: ArrayLike, merit: Merit = "AUC", *, level: float = 0.95
) -> ReaderStudy:
    """Compare two conditions, multiple readers and multiple cases, by Obuchowski and Rockette.

    Parameters
    ----------
    reads : (2, reader, case) float
        What each reader said in each condition: a score (higher means the event is more
        likely), or for sensitivity and specificity a call, True for the event.
    event : (case,) bool
        True where the event happened.
    merit : {"AUC", "sensitivity", "specificity"}
        What to compare.
    level : float
        Confidence level.

    Returns
    -------
    ReaderStudy
        Differences are first condition minus second.

    Raises
    ------
    NotEstimableError
        With fewer than two readers, or fewer than two cases of a class that counts.
    TableError
        If there are not two conditions.

    Notes
    -----
    Covariances of the cases by DeLong; degrees of freedom by Hillis; a negative variance
    component counts as 0.  The method of Dorfman, Berbaum and Metz is the same with jackknife
    covariances.  Source: Obuchowski and Rockette 1995, Commun Stat Simul Comput 24:285; Hillis
    2007, Stat Med 26:596; Hillis 2014, Stat Med 33:330.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> event = np.arange(60) < 24
    >>> own = rng.normal(size=(3, 60)) + 0.5 * event
    >>> study = reader_study([own + 0.8 * event, own], event)
    >>> study.estimates.shape, bool(study.random_readers.p < 0.05)
    ((2, 3), True)
    """
    happened = flags("event", event)
    values = reads_of(reads, happened.size)
    readers = values.shape[1]
    estimate, covariance = _covariance(values.reshape(-1, happened.size), happened, merit)
    theta = estimate.reshape(CONDITIONS, readers)
    block = covariance.reshape(CONDITIONS, readers, CONDITIONS, readers)
    same = np.eye(readers, dtype=np.bool_)
    inside = np.stack([block[0, :, 0], block[1, :, 1]])
    between = block[0, :, 1]
    components = Components(
        variance=float(inside[:, same].mean()),
        cov1=float(between[same].mean()),
        cov2=float(inside[:, ~same].mean()),
        cov3=float(between[~same].mean()),
    )
    means = [
        mean_over_readers(theta[at], float(inside[at][~same].mean()), happened, merit, level=level)
        for at in range(CONDITIONS)
    ]
    random_readers, fixed_readers = compare_over_readers(theta, components, merit, level=level)
    return ReaderStudy(
        merit=merit,
        estimates=theta,
        means=(means[0], means[1]),
        random_readers=random_readers,
        fixed_readers=fixed_readers,
        components=components,
    )


def compare_over_readers(
    estimates: ArrayLike, components: Components, name: str = "AUC", *, level: float = 0.95
) -> tuple[Comparison, Comparison]:
    """Compare two conditions from the estimates of each reader and their covariances.

    Parameters
    ----------
    estimates : (2, reader) float
        Of each reader in each condition; any measure.
    components : Components
        Covariances over cases.
    name : str
        What was estimated.
    level : float
        Confidence level.

    Returns
    -------
    tuple of Comparison
        For readers like these, and for these very readers; both for cases like these.

    Examples
    --------
    >>> parts = Components(variance=8e-4, cov1=3.5e-4, cov2=3.4e-4, cov3=2.4e-4)
    >>> table = [[0.92, 0.86, 0.90, 0.97, 0.83], [0.95, 0.91, 0.92, 1.0, 0.93]]
    >>> [round(one.p, 3) for one in compare_over_readers(table, parts)]
    [0.037, 0.013]
    """
    theta = floats("estimate", estimates)
    readers = theta.shape[1]
    gap = theta[0] - theta[1]
    # With two conditions, half the variance of the differences is the interaction.
    interaction = float(gap.var(ddof=1)) / 2
    extra = max(components.cov2 - components.cov3, 0.0)
    spread = interaction + readers * extra
    df = (readers - 1) * (spread / interaction) ** 2 if interaction > 0 else np.inf
    fixed = max(components.variance - components.cov1 + (readers - 1) * extra, 0.0)
    first, second = (float(one) for one in theta.mean(axis=1))

    def difference(error: float, readers_are: str, degrees: float) -> Comparison:
        method = f"Obuchowski-Rockette, {readers_are} readers"
        se = float(np.sqrt(2 * error / readers))
        return compared(name, first, second, se, method=method, df=degrees, level=level)

    return difference(spread, "random", df), difference(fixed, "fixed", np.inf)


def reads_of(reads: ArrayLike, cases: int) -> Float[np.ndarray, "condition reader case"]:
    """Check that reads are a table of two conditions, two or more readers, and the cases.

    Parameters
    ----------
    reads : (2, reader, case) array
        Scores or calls.
    cases : int
        How many there are.

    Raises
    ------
    TableError
        If the shape is another.
    NotEstimableError
        With one reader.

    Examples
    --------
    >>> reads_of(np.zeros((2, 3, 10)), 10).shape
    (2, 3, 10)
    """
    values = floats("read", np.asarray(reads))
    if values.ndim != 3 or values.shape[0] != CONDITIONS or values.shape[2] != cases:
        raise TableError(
            what="reads are a table of two conditions, readers and cases",
            got=f"shape {values.shape} for {cases} cases",
            fix="Stack the reads as (condition, reader, case).",
        )
    if values.shape[1] < 2:
        raise NotEstimableError(
            what="a comparison over readers needs two of them",
            got="one reader",
            fix="Compare the two conditions of one reader with compare_auc or mcnemar.",
        )
    return values


def _covariance(
    rows: Float[np.ndarray, "row case"], event: Bool[np.ndarray, " case"], merit: Merit
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, "row row"]]:
    """Merit of every read, and the covariance that the cases give them."""
    both_classes("a reader study", event)
    if merit == "AUC":
        parts = placements(rows, event)
        return parts.auc, parts.covariance
    wanted = event if merit == "sensitivity" else ~event
    if not np.isin(rows, (0.0, 1.0)).all():
        raise TableError(
            what=f"{merit} needs calls, true or false",
            got=f"{np.unique(rows)[:4].tolist()}",
            fix="Cut the scores first, or compare the AUC.",
        )
    right = rows[:, wanted] if merit == "sensitivity" else 1 - rows[:, wanted]
    if right.shape[1] < 2:
        raise NotEstimableError(
            what=f"{merit} over readers needs two such cases",
            got=f"{right.shape[1]}",
            fix="Collect more cases.",
        )
    return right.mean(axis=1), np.cov(right) / right.shape[1]


def mean_over_readers(
    estimates: ArrayLike, cov2: float, event: ArrayLike, name: str = "AUC", *, level: float = 0.95
) -> Estimate:
    """Mean over readers in one condition, with an interval for readers and cases like these.

    Parameters
    ----------
    estimates : (reader,) float
        Of each reader.
    cov2 : float
        Mean covariance over cases of two readers.
    event : (case,) bool
        True where the event happened.
    name : str
        What was estimated.
    level : float
        Confidence level.

    Examples
    --------
    >>> mean_over_readers([0.8, 0.7, 0.9], 4e-4, [0, 1, 1, 0]).sentence()
    'mean AUC 0.80 (95 % CI 0.58-1.00; Obuchowski-Rockette, random readers)'
    """
    theta, happened = floats("estimate", estimates), flags("event", event)
    readers = theta.size
    own = float(theta.var(ddof=1))
    total = own + max(readers * cov2, 0.0)
    df = (readers - 1) * (total / own) ** 2 if own > 0 else np.inf
    se = float(np.sqrt(total / readers))
    reach = (float(stats.t.ppf((1 + level) / 2, df)) if np.isfinite(df) else z_of(level)) * se
    mean = float(theta.mean())
    return Estimate(
        name=f"mean {name}",
        estimate=mean,
        low=max(mean - reach, 0.0),
        high=min(mean + reach, 1.0),
        se=se,
        n=happened.size,
        events=int(happened.sum()),
        method="Obuchowski-Rockette, random readers",
        level=level,
    )
