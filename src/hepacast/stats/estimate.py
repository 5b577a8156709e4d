# SPDX-License-Identifier: Apache-2.0
"""What an analysis hands back: an estimate with its interval, a comparison, a test."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

from hepacast.core.errors import NotEstimableError


def z_of(level: float) -> float:
    """Return the two-sided normal quantile of a confidence level.

    >>> round(z_of(0.95), 4)
    1.96
    """
    if not 0 < level < 1:
        raise NotEstimableError(
            what="a confidence level lies between 0 and 1", got=f"{level}", fix="Write 0.95."
        )
    return float(stats.norm.ppf((1 + level) / 2))


def p_text(p: float) -> str:
    """Write a P value as journals print it.

    Three decimals where two would hide on which side of 0.05 it lies.

    >>> p_text(0.0004), p_text(0.0496), p_text(0.31), p_text(0.998)
    ('P < 0.001', 'P = 0.050', 'P = 0.31', 'P > 0.99')
    """
    if p < 0.001:
        return "P < 0.001"
    if p > 0.99:
        return "P > 0.99"
    return f"P = {p:.3f}" if p < 0.01 or 0.045 <= p < 0.055 else f"P = {p:.2f}"


def interval_text(low: float, high: float, level: float, digits: int = 2) -> str:
    """Write an interval; a hyphen between numbers, "to" where one is negative.

    >>> interval_text(0.65, 0.82, 0.95), interval_text(-0.1, 0.2, 0.9)
    ('95 % CI 0.65-0.82', '90 % CI -0.10 to 0.20')
    """
    joint = " to " if low < 0 else "-"
    return f"{100 * level:g} % CI {low:.{digits}f}{joint}{high:.{digits}f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval.

    Parameters
    ----------
    name : str
        What was estimated, as a manuscript names it.
    estimate, low, high : float
        The value and its confidence limits, in the unit of the quantity.
    se : float
        Standard error on the scale of ``estimate``; NaN for exact intervals, which have none.
    n : int
        Cases that were used.
    events : int
        Cases with the event among them (successes, for a proportion).
    method : str
        How the interval was made.
    level : float
        Confidence level.

    Examples
    --------
    >>> Estimate(name="AUC", estimate=0.74, low=0.65, high=0.82, se=0.043, n=120, events=48,
    ...          method="DeLong").sentence()
    'AUC 0.74 (95 % CI 0.65-0.82; DeLong)'
    """

    name: str
    estimate: float
    low: float
    high: float
    se: float
    n: int
    events: int
    method: str
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        interval = interval_text(self.low, self.high, self.level, digits)
        return f"{self.name} {self.estimate:.{digits}f} ({interval}; {self.method})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HypothesisTest:
    """A test statistic and its P value.

    Parameters
    ----------
    name : str
        The question, as a manuscript names it.
    statistic : float
        Value of the statistic named by ``method``; NaN for exact tests, which have none.
    df : float
        Degrees of freedom; NaN where the method has none.
    p : float
        Two-sided P value.
    method : str
        Name of the test.
    """

    name: str
    statistic: float
    df: float
    p: float
    method: str

    def sentence(self) -> str:
        """Write it as a manuscript would.

        >>> HypothesisTest(name="Overall survival", statistic=4.2, df=1, p=0.0404,
        ...                method="log-rank test").sentence()
        'Overall survival: P = 0.04 (log-rank test)'
        """
        return f"{self.name}: {p_text(self.p)} ({self.method})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The difference of two estimates.

    Parameters
    ----------
    name : str
        What was compared: ``"AUC"``.
    first, second : float
        The two estimates.
    difference, low, high, se : float
        First minus second, its limits and its standard error.
    statistic, df : float
        Test statistic and its degrees of freedom (infinite for z).
    p : float
        Two-sided P value.
    method : str
        Name of the test.
    level : float
        Confidence level.
    """

    name: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    se: float
    statistic: float
    df: float
    p: float
    method: str
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would.

        >>> compared("AUC", 0.80, 0.72, 0.05, method="paired DeLong").sentence()
        'AUC 0.80 vs 0.72, difference 0.08 (95 % CI -0.02 to 0.18; P = 0.11, paired DeLong)'
        """
        interval = interval_text(self.low, self.high, self.level, digits)
        return (
            f"{self.name} {self.first:.{digits}f} vs {self.second:.{digits}f}, difference "
            f"{self.difference:.{digits}f} ({interval}; {p_text(self.p)}, {self.method})"
        )


def compared(
    name: str,
    first: float,
    second: float,
    se: float,
    *,
    method: str,
    df: float = float("inf"),
    level: float = 0.95,
) -> Comparison:
    """Build a Wald comparison; a difference of 0 with SE 0 has P 1.

    Parameters
    ----------
    name, method : str
        What was compared, and how.
    first, second : float
        The two estimates.
    se : float
        Standard error of their difference.
    df : float
        Degrees of freedom of the t distribution; infinite for the normal.
    level : float
        Confidence level.
    """
    difference = first - second
    if se == 0 and difference != 0:
        raise NotEstimableError(
            what=f"the difference in {name} needs a spread",
            got=f"difference {difference:.3g} with standard error 0",
            fix="Report both values without a test: this cohort separates perfectly.",
        )
    statistic = difference / se if se > 0 else 0.0
    reach = float(stats.t.ppf((1 + level) / 2, df)) * se
    return Comparison(
        name=name,
        first=first,
        second=second,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        se=se,
        statistic=statistic,
        df=df,
        p=float(2 * stats.t.sf(abs(statistic), df)),
        method=method,
        level=level,
    )
