# SPDX-License-Identifier: Apache-2.0
"""Does a second model move patients the right way?  NRI and IDI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import interval_text, p_text, z_of
from hepacast.stats.inputs import both_classes, flags, floats, probabilities

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike

Variance = Literal["hmisc", "pencina"]
"""``pencina``: that of Pencina 2008, under no net movement; ``hmisc``: multinomial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """A net improvement with its parts.

    Parameters
    ----------
    name : str
        ``"NRI"``, ``"category-free NRI"`` or ``"IDI"``.
    estimate, low, high, se : float
        Second model over the first; positive is better.
    of_events, of_others : float
        Parts gained in cases with and without the event; they add up to ``estimate``.
    z, p : float
        Wald statistic and P value (NaN and bootstrap share for survival forms).
    n, events : int
        Cases, and those with the event.
    method : str
        How the interval was made.
    level : float
        Confidence level.
    """

    name: str
    estimate: float
    low: float
    high: float
    se: float
    of_events: float
    of_others: float
    z: float
    p: float
    n: int
    events: int
    method: str
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        interval = interval_text(self.low, self.high, self.level, digits)
        parts = f"events {self.of_events:+.{digits}f}, others {self.of_others:+.{digits}f}"
        return (
            f"{self.name} {self.estimate:.{digits}f} ({interval}; {p_text(self.p)}, "
            f"{self.method}; {parts})"
        )


def movement(
    first: Float[np.ndarray, " case"],
    second: Float[np.ndarray, " case"],
    thresholds: ArrayLike | None,
) -> Int[np.ndarray, " case"]:
    """Tell who moves up (1), stays (0) or moves down (-1) from the first to the second model.

    Parameters
    ----------
    first, second : (case,) float
        Predicted risks.
    thresholds : (cut,) float or None
        Limits of the risk categories, a case at a limit belonging to the upper one; None
        compares the risks themselves.

    Examples
    --------
    >>> movement(np.array([0.1, 0.4]), np.array([0.3, 0.35]), [0.2]).tolist()
    [1, 0]
    """
    if thresholds is None:
        free: Int[np.ndarray, " case"] = np.sign(second - first).astype(np.int64)
        return free
    cuts = np.sort(floats("threshold", thresholds))
    before, after = (np.searchsorted(cuts, risk, side="right") for risk in (first, second))
    steps: Int[np.ndarray, " case"] = np.sign(after - before).astype(np.int64)
    return steps


def _wald(
    name: str,
    of_events: float,
    of_others: float,
    variance: float,
    event: Bool[np.ndarray, " case"],
    *,
    method: str,
    level: float,
) -> Improvement:
    estimate, se = of_events + of_others, float(np.sqrt(variance))
    if se == 0 and estimate != 0:
        raise NotEstimableError(
            what=f"the {name} needs a spread",
            got=f"{estimate:g} with standard error 0",
            fix="Report it without a test: every case moved alike.",
        )
    z = estimate / se if se > 0 else 0.0
    reach = z_of(level) * se
    return Improvement(
        name=name,
        estimate=estimate,
        low=estimate - reach,
        high=estimate + reach,
        se=se,
        of_events=of_events,
        of_others=of_others,
        z=z,
        p=float(2 * stats.norm.sf(abs(z))),
        n=event.size,
        events=int(event.sum()),
        method=method,
        level=level,
    )


def nri(
    first: ArrayLike,
    second: ArrayLike,
    event: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    variance: Variance = "pencina",
    level: float = 0.95,
) -> Improvement:
    """Net reclassification improvement of the second model over the first.

    Parameters
    ----------
    first, second : (case,) float
        Predicted risks.
    event : (case,) bool
        True where the event happened.
    thresholds : (cut,) float, optional
        Limits of the risk categories; without them the category-free NRI.
    variance : {"pencina", "hmisc"}
        Which standard error.
    level : float
        Confidence level.

    Returns
    -------
    Improvement
        Between -2 and 2: net share of events moved up plus net share of others moved down.

    Notes
    -----
    Favours miscalibrated models; show calibration and net benefit beside it.  Source:
    Pencina 2008, Stat Med 27:157; Pencina 2011, Stat Med 30:11.

    Examples
    --------
    >>> result = nri([0.1, 0.3, 0.6, 0.4], [0.2, 0.1, 0.7, 0.6], [0, 0, 1, 1], [0.5])
    >>> result.estimate, result.of_events, result.of_others
    (0.5, 0.5, 0.0)
    """
    happened = flags("event", event)
    both_classes("reclassification", happened)
    old, new = probabilities(first, happened.size), probabilities(second, happened.size)
    steps = movement(old, new, thresholds)
    parts, total = [], 0.0
    for chosen in (happened, ~happened):
        n = int(chosen.sum())
        up, down = (steps[chosen] > 0).sum() / n, (steps[chosen] < 0).sum() / n
        parts.append(float(up - down))
        total += (up + down - (variance == "hmisc") * (up - down) ** 2) / n
    return _wald(
        "NRI" if thresholds is not None else "category-free NRI",
        parts[0],
        0.0 - parts[1],
        float(total),
        happened,
        method=f"{variance.capitalize()} standard error",
        level=level,
    )


def idi(
    first: ArrayLike,
    second: ArrayLike,
    event: ArrayLike,
    *,
    variance: Variance = "pencina",
    level: float = 0.95,
) -> Improvement:
    """Integrated discrimination improvement of the second model over the first.

    Parameters
    ----------
    first, second : (case,) float
        Predicted risks.
    event : (case,) bool
        True where the event happened; two cases of each class at least.
    variance : {"pencina", "hmisc"}
        Both take the spread of the differences; ``pencina`` divides it by n, ``hmisc`` by
        n - 1.
    level : float
        Confidence level.

    Notes
    -----
    Source: Pencina 2008, Stat Med 27:157.

    Examples
    --------
    >>> round(idi([0.1, 0.3, 0.6, 0.4], [0.2, 0.1, 0.7, 0.6], [0, 0, 1, 1]).estimate, 3)
    0.2
    """
    happened = flags("event", event)
    both_classes("reclassification", happened)
    gain = probabilities(second, happened.size) - probabilities(first, happened.size)
    yes, no = gain[happened], gain[~happened]
    if min(yes.size, no.size) < 2:
        raise NotEstimableError(
            what="the IDI needs two cases of each class",
            got=f"{yes.size} events and {no.size} others",
            fix="Pool subgroups.",
        )
    drop = int(variance == "hmisc")
    total = yes.var(ddof=drop) / yes.size + no.var(ddof=drop) / no.size
    method = f"{variance.capitalize()} standard error"
    return _wald(
        "IDI",
        float(yes.mean()),
        -float(no.mean()),
        float(total),
        happened,
        method=method,
        level=level,
    )


def reclassification_table(
    first: ArrayLike, second: ArrayLike, event: ArrayLike, thresholds: ArrayLike
) -> tuple[Int[np.ndarray, "old new"], Int[np.ndarray, "old new"]]:
    """Count the categories under both models, in cases with and without the event.

    Parameters
    ----------
    first, second : (case,) float
        Predicted risks.
    event : (case,) bool
        True where the event happened.
    thresholds : (cut,) float
        Limits of the risk categories.

    Examples
    --------
    >>> tables = reclassification_table([0.1, 0.6], [0.7, 0.2], [1, 0], [0.5])
    >>> [table.tolist() for table in tables]
    [[[0, 1], [0, 0]], [[0, 0], [1, 0]]]
    """
    happened = flags("event", event)
    cuts = np.sort(floats("threshold", thresholds))
    if not cuts.size:
        raise TableError(
            what="risk categories need a limit", got="none", fix="Give at least one threshold."
        )
    before, after = (
        np.searchsorted(cuts, probabilities(risk, happened.size), side="right")
        for risk in (first, second)
    )
    size = cuts.size + 1
    tables = []
    for chosen in (happened, ~happened):
        table = np.zeros((size, size), dtype=np.int64)
        np.add.at(table, (before[chosen], after[chosen]), 1)
        tables.append(table)
    return tables[0], tables[1]
