# SPDX-License-Identifier: Apache-2.0
"""How many cases?  Riley's criteria, and the width of an interval to expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.estimate import z_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """Cases needed to develop a model.

    Parameters
    ----------
    cases, events : int
        Needed, the largest of the criteria; events rounded up.
    events_per_parameter : float
        What this amounts to.
    shrinkage, gap, risk : int
        Cases needed by each criterion: little shrinkage, small optimism in R squared, overall
        risk known precisely.
    largest_r2 : float
        Largest possible Cox-Snell R squared at this event rate.
    parameters : int
        Candidate parameters.
    """

    cases: int
    events: int
    events_per_parameter: float
    shrinkage: int
    gap: int
    risk: int
    largest_r2: float
    parameters: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return (
            f"{self.cases} cases with {self.events} events "
            f"({self.events_per_parameter:.1f} events per parameter) are needed for "
            f"{self.parameters} candidate parameters (Riley 2019)"
        )


def _check(parameters: int, r2: float, largest: float) -> None:
    if parameters < 1 or not 0 < r2 < largest:
        raise NotEstimableError(
            what="sample size needs a parameter, and an R squared below its largest value",
            got=f"{parameters} parameters, R squared {r2:g} of at most {largest:.3f}",
            fix="Take 15 % of the largest value if nothing is known.",
        )


def _criteria(parameters: int, r2: float, largest: float, shrinkage: float) -> tuple[int, int]:
    """Cases for little shrinkage, and for small optimism of Nagelkerke's R squared."""
    first = parameters / ((shrinkage - 1) * np.log1p(-r2 / shrinkage))
    small = r2 / (r2 + 0.05 * largest)
    second = parameters / ((small - 1) * np.log1p(-r2 / small))
    return int(np.ceil(first)), int(np.ceil(second))


def riley_binary(
    parameters: int,
    prevalence: float,
    *,
    r2: float | None = None,
    auc: float | None = None,
    shrinkage: float = 0.9,
) -> SampleSize:
    """Cases needed to develop a model of a yes-or-no outcome.

    Parameters
    ----------
    parameters : int
        Candidate parameters: every column that selection looks at, before it looks.
    prevalence : float
        Share with the event.
    r2 : float, optional
        Cox-Snell R squared to expect.
    auc : float, optional
        AUC to expect, if R squared is not known; 15 % of the largest R squared otherwise.
    shrinkage : float
        Expected, 0.9 as a rule.

    Notes
    -----
    As R's pmsampsize.  Source: Riley 2019, Stat Med 38:1276; from an AUC: Riley 2021, Stat Med
    40:133, here by quadrature instead of simulation.

    Examples
    --------
    >>> riley_binary(24, 0.174, r2=0.288).cases
    662
    """
    if not 0 < prevalence < 1:
        raise NotEstimableError(
            what="a prevalence lies between 0 and 1", got=f"{prevalence:g}", fix="Write 0.3."
        )
    null = prevalence * np.log(prevalence) + (1 - prevalence) * np.log1p(-prevalence)
    largest = float(-np.expm1(2 * null))
    if r2 is None:
        r2 = 0.15 * largest if auc is None else cox_snell_from_auc(auc, prevalence)
    _check(parameters, r2, largest)
    first, second = _criteria(parameters, r2, largest, shrinkage)
    third = int(np.ceil((1.96 / 0.05) ** 2 * prevalence * (1 - prevalence)))
    cases = max(first, second, third)
    return SampleSize(
        cases=cases,
        events=int(np.ceil(cases * prevalence)),
        events_per_parameter=cases * prevalence / parameters,
        shrinkage=first,
        gap=second,
        risk=third,
        largest_r2=largest,
        parameters=parameters,
    )


def cox_snell_from_auc(auc: float, prevalence: float) -> float:
    """Cox-Snell R squared of a model with a given AUC.

    Parameters
    ----------
    auc : float
        Above 0.5.
    prevalence : float
        Share with the event.

    Notes
    -----
    Takes the log odds as normal with one variance in both classes, as Riley 2021.

    Examples
    --------
    >>> round(cox_snell_from_auc(0.81, 0.77), 3)
    0.212
    """
    if not 0.5 < auc < 1:
        raise NotEstimableError(
            what="an AUC to plan with lies between 0.5 and 1", got=f"{auc:g}", fix="Write 0.75."
        )
    distance = float(np.sqrt(2) * stats.norm.ppf(auc))
    node, weight = np.polynomial.hermite_e.hermegauss(80)
    weight = weight / weight.sum()
    prior = np.log(prevalence / (1 - prevalence))
    gain = 0.0
    for share, shift, sign in ((prevalence, distance, 1.0), (1 - prevalence, 0.0, -1.0)):
        odds = prior + distance * (node + shift) - distance**2 / 2
        gain += share * float(weight @ (-np.logaddexp(0, -sign * odds)) - np.log(share))
    return float(-np.expm1(-2 * gain))


def riley_survival(
    parameters: int,
    rate: float,
    horizon: float,
    mean_follow_up: float,
    *,
    r2: float | None = None,
    shrinkage: float = 0.9,
) -> SampleSize:
    """Cases needed to develop a model of a survival outcome.

    Parameters
    ----------
    parameters : int
        Candidate parameters.
    rate : float
        Events per case and unit of time.
    horizon : float
        Time at which risks will be predicted, in that unit.
    mean_follow_up : float
        In that unit.
    r2 : float, optional
        Cox-Snell R squared to expect; 15 % of its largest value otherwise.
    shrinkage : float
        Expected, 0.9 as a rule.

    Notes
    -----
    As R's pmsampsize.  Source: Riley 2019, Stat Med 38:1276.

    Examples
    --------
    >>> riley_survival(30, 0.065, 2.0, 2.07, r2=0.051).cases
    5143
    """
    if min(rate, horizon, mean_follow_up) <= 0:
        raise NotEstimableError(
            what="rate, horizon and follow-up are positive",
            got=f"{rate:g}, {horizon:g}, {mean_follow_up:g}",
            fix="Give them in one unit of time.",
        )
    per_case = rate * mean_follow_up
    null = per_case * np.log(rate) - per_case
    largest = float(-np.expm1(2 * null))
    r2 = 0.15 * largest if r2 is None else r2
    _check(parameters, r2, largest)
    first, second = _criteria(parameters, r2, largest, shrinkage)
    # Cases that hold the overall risk at the horizon within 0.05 of its estimate, both sides.
    third = max(first, second)
    for cases in range(1, third + 1):
        reach = 1.96 * np.sqrt(rate / (mean_follow_up * cases))
        risk = -np.expm1(-rate * horizon)
        upper, lower = -np.expm1(-(rate + reach) * horizon), -np.expm1(-(rate - reach) * horizon)
        if max(upper - risk, risk - lower) <= 0.05:
            third = cases
            break
    cases = max(first, second, third)
    return SampleSize(
        cases=cases,
        events=int(np.ceil(cases * per_case)),
        events_per_parameter=cases * per_case / parameters,
        shrinkage=first,
        gap=second,
        risk=third,
        largest_r2=largest,
        parameters=parameters,
    )


def expected_auc_width(auc: float, n: int, prevalence: float, *, level: float = 0.95) -> float:
    """Width of the interval to expect for an AUC.

    Parameters
    ----------
    auc : float
        Expected.
    n : int
        Cases.
    prevalence : float
        Share with the event.
    level : float
        Confidence level.

    Notes
    -----
    Source: Hanley and McNeil 1982, Radiology 143:29.

    Examples
    --------
    >>> round(expected_auc_width(0.75, 150, 0.4), 3)
    0.165
    """
    m = n * prevalence
    others = n - m
    if min(m, others) < 2 or not 0 < auc < 1:
        raise NotEstimableError(
            what="the width of an AUC's interval needs two cases of each class",
            got=f"{m:g} events, {others:g} others, AUC {auc:g}",
            fix="Plan with more cases.",
        )
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (m - 1) * (q1 - auc**2) + (others - 1) * (q2 - auc**2)
    return float(2 * z_of(level) * np.sqrt(spread / (m * others)))


def cases_for_auc_width(auc: float, prevalence: float, width: float, *, level: float = 0.95) -> int:
    """Cases needed for an interval of an AUC no wider than asked.

    Parameters
    ----------
    auc, prevalence : float
        Expected.
    width : float
        Largest width wanted.
    level : float
        Confidence level.

    Examples
    --------
    >>> cases_for_auc_width(0.75, 0.4, 0.1)
    406
    """
    low = int(np.ceil(2 / min(prevalence, 1 - prevalence)))
    high = low
    while expected_auc_width(auc, high, prevalence, level=level) > width:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        wide = expected_auc_width(auc, middle, prevalence, level=level) > width
        low, high = (middle + 1, high) if wide else (low, middle)
    return low


def expected_proportion_width(share: float, n: int, *, level: float = 0.95) -> float:
    """Width of the Wald interval to expect for a proportion (sensitivity, specificity).

    Parameters
    ----------
    share : float
        Expected.
    n : int
        Cases in the denominator.
    level : float
        Confidence level.

    Examples
    --------
    >>> round(expected_proportion_width(0.8, 60), 3)
    0.202
    """
    if n < 1 or not 0 <= share <= 1:
        raise NotEstimableError(
            what="a proportion to plan with lies between 0 and 1, of at least one case",
            got=f"{share:g} of {n}",
            fix="Plan with more cases.",
        )
    return float(2 * z_of(level) * np.sqrt(share * (1 - share) / n))
