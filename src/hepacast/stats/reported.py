# SPDX-License-Identifier: Apache-2.0
"""Can the numbers of a printed table be true together?  A check for manuscripts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import TableError
from hepacast.stats.precision import cases_for_auc_width, expected_auc_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Int

Problem = Literal[
    "impossible rate",
    "impossible together",
    "labels exchanged",
    "interval excludes estimate",
    "interval fits no method",
    "interval fits another sample size",
    "impossible share",
    "ratio outside its interval",
    "P value contradicts interval",
    "P value contradicts difference",
]

_RATES = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
_READINGS: dict[str, dict[str, str]] = {
    "sensitivity and specificity exchanged": {
        "sensitivity": "specificity",
        "specificity": "sensitivity",
    },
    "sensitivity and specificity are PPV and NPV": {"sensitivity": "ppv", "specificity": "npv"},
    "sensitivity and specificity are NPV and PPV": {"sensitivity": "npv", "specificity": "ppv"},
    "PPV and NPV are sensitivity and specificity": {"ppv": "sensitivity", "npv": "specificity"},
    "PPV and NPV are specificity and sensitivity": {"ppv": "specificity", "npv": "sensitivity"},
    "PPV and NPV exchanged": {"ppv": "npv", "npv": "ppv"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One row of a printed table of performance.

    Parameters
    ----------
    n, events : int
        Cases, and those with the event, in the cohort of the row.
    sensitivity, specificity, ppv, npv, accuracy : float, optional
        As printed, between 0 and 1.
    auc, auc_low, auc_high : float, optional
        As printed, with the limits of the 95 % interval.
    decimals : int
        Printed after the point.
    label : str
        Of the row.
    """

    n: int
    events: int
    sensitivity: float | None = None
    specificity: float | None = None
    ppv: float | None = None
    npv: float | None = None
    accuracy: float | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    decimals: int = 3
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse rows that no cohort could have."""
        if not 0 < self.events < self.n:
            raise TableError(
                what="a cohort has cases with and without the event",
                got=f"{self.events} events among {self.n} cases",
                fix="Give the counts of the cohort that the row describes.",
            )

    def rates(self) -> dict[str, float]:
        """Return the printed rates by name."""
        pairs = ((name, getattr(self, name)) for name in _RATES)
        return {name: float(value) for name, value in pairs if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in a table that cannot be right.

    Parameters
    ----------
    problem : str
        Kind, for filtering.
    what : str
        The contradiction, with the numbers.
    reading : str
        A reading under which the numbers fit, or "" if none was found.
    label : str
        Of the row.
    """

    problem: Problem
    what: str
    reading: str = ""
    label: str = ""

    def sentence(self) -> str:
        """Write it as a reviewer would."""
        place = f"{self.label}: " if self.label else ""
        hint = f"; it fits if {self.reading}" if self.reading else ""
        return f"{place}{self.what}{hint}"


def tables_that_give(
    rates: Mapping[str, float], n: int, events: int, decimals: int = 3
) -> Int[np.ndarray, "table 2"]:
    """List the true positives and true negatives that round to all the rates.

    Parameters
    ----------
    rates : mapping of str to float
        Any of sensitivity, specificity, ppv, npv, accuracy.
    n, events : int
        Cases, and those with the event.
    decimals : int
        Printed after the point.

    Examples
    --------
    >>> tables_that_give({"sensitivity": 0.889, "specificity": 0.733}, 33, 18).tolist()
    [[16, 11]]
    """
    others = n - events
    tp, tn = np.meshgrid(np.arange(events + 1), np.arange(others + 1), indexing="ij")
    positive, negative = tp + others - tn, tn + events - tp
    found = {
        "sensitivity": tp / events,
        "specificity": tn / others,
        "ppv": np.where(positive > 0, tp / np.maximum(positive, 1), np.nan),
        "npv": np.where(negative > 0, tn / np.maximum(negative, 1), np.nan),
        "accuracy": (tp + tn) / n,
    }
    slack = 0.5 * 10.0**-decimals + 1e-9
    fits = np.ones(tp.shape, dtype=np.bool_)
    for name, value in rates.items():
        fits &= np.abs(found[name] - value) <= slack
    return np.argwhere(fits)


def _as_read(rates: Mapping[str, float], reading: Mapping[str, str]) -> dict[str, float] | None:
    """Give the rates other names; None where that names nothing or one rate twice."""
    if not set(reading) & set(rates):
        return None
    named = [(reading.get(name, name), value) for name, value in rates.items()]
    if len({name for name, _ in named}) < len(named):
        return None
    return dict(named)


def _check_rates(row: Reported) -> list[Finding]:
    rates, findings = row.rates(), list[Finding]()
    if not rates:
        return findings
    for name in ("sensitivity", "specificity", "accuracy"):
        if name in rates and not len(
            tables_that_give({name: rates[name]}, row.n, row.events, row.decimals)
        ):
            below = {"sensitivity": row.events, "specificity": row.n - row.events}.get(name, row.n)
            what = f"no count of {below} gives {name} {rates[name]:.{row.decimals}f}"
            findings.append(Finding(problem="impossible rate", what=what, label=row.label))
    if len(tables_that_give(rates, row.n, row.events, row.decimals)):
        return findings
    fitting = []
    for words, reading in _READINGS.items():
        renamed = _as_read(rates, reading)
        if renamed is None:
            continue
        tables = tables_that_give(renamed, row.n, row.events, row.decimals)
        if len(tables):
            fitting.append(f"{words} ({_true_values(tables, row)})")
    together = ", ".join(f"{name} {value:g}" for name, value in rates.items())
    what = f"no table of {row.events} events and {row.n - row.events} others gives {together}"
    kind: Problem = "labels exchanged" if fitting else "impossible together"
    findings.append(Finding(problem=kind, what=what, reading=" or ".join(fitting), label=row.label))
    return findings


def _true_values(tables: Int[np.ndarray, "table 2"], row: Reported) -> str:
    tp, tn = (int(value) for value in tables[0])
    return f"true sensitivity {tp / row.events:.3f}, specificity {tn / (row.n - row.events):.3f}"


def _check_interval(row: Reported) -> list[Finding]:
    if row.auc is None or row.auc_low is None or row.auc_high is None:
        return []
    slack = 10.0**-row.decimals
    printed = f"AUC {row.auc:g} ({row.auc_low:g}-{row.auc_high:g})"
    if not row.auc_low <= row.auc <= row.auc_high:
        outside = row.auc < row.auc_low
        mirrored = 2 * row.auc - (row.auc_high if outside else row.auc_low)
        side = "lower" if outside else "upper"
        return [
            Finding(
                problem="interval excludes estimate",
                what=f"{printed} does not contain its estimate",
                reading=f"the {side} limit is about {mirrored:.{row.decimals}f}",
                label=row.label,
            )
        ]
    findings = []
    cut = row.auc_high >= 1 - slack or row.auc_low <= slack
    reach = row.auc - row.auc_low, row.auc_high - row.auc
    if not cut and not _some_method(row.auc, row.auc_low, row.auc_high, 2 * slack):
        what = f"{printed} is neither symmetric nor symmetric in log odds"
        findings.append(Finding(problem="interval fits no method", what=what, label=row.label))
    width = 2 * (reach[0] if cut else max(reach))
    if 0.5 < row.auc < 1 and width > 0:
        ratio = width / expected_auc_width(row.auc, row.n, row.events / row.n)
        if not 0.6 < ratio < 1.7:
            fits = cases_for_auc_width(row.auc, row.events / row.n, width)
            what = f"{printed} is {ratio:.1f} times as wide as {row.n} cases give"
            findings.append(
                Finding(
                    problem="interval fits another sample size",
                    what=what,
                    reading=f"there were about {fits} cases",
                    label=row.label,
                )
            )
    return findings


def _some_method(estimate: float, low: float, high: float, slack: float) -> bool:
    """Tell whether an interval is symmetric as it is, or on the log odds scale."""
    if abs((estimate - low) - (high - estimate)) <= slack:
        return True
    if not 0 < low <= estimate <= high < 1:
        return False
    middle = [float(np.log(value / (1 - value))) for value in (low, estimate, high)]
    back = 1 / (1 + np.exp(-(middle[0] + middle[2]) / 2))
    return bool(abs(back - estimate) <= slack)


def check_reported_metrics(rows: Sequence[Reported]) -> tuple[Finding, ...]:
    """Check a printed table of performance for numbers that cannot be true together.

    Parameters
    ----------
    rows : sequence of Reported
        One per model and cohort.

    Returns
    -------
    tuple of Finding
        Empty where nothing contradicts: that the numbers can be true, not that they are.

    Notes
    -----
    Every 2 x 2 table of the cohort is tried.  Intervals are compared with the width of Hanley
    and McNeil; bootstrap intervals may be asymmetric, so "fits no method" asks for a look.

    Examples
    --------
    >>> row = Reported(n=33, events=18, sensitivity=0.800, specificity=0.846, accuracy=0.818)
    >>> print(check_reported_metrics([row])[-1].reading)
    ... # doctest: +NORMALIZE_WHITESPACE
    sensitivity and specificity are PPV and NPV (true sensitivity 0.889, specificity 0.733)
    """
    found = [(row, (*_check_rates(row), *_check_interval(row))) for row in rows]
    return (*(one for _, findings in found for one in findings), *_judge_by_neighbours(found))


def _judge_by_neighbours(
    found: Sequence[tuple[Reported, tuple[Finding, ...]]],
) -> list[Finding]:
    """Find rows that could be true, in columns where two other rows have exchanged labels."""
    votes: Counter[tuple[int, int, str]] = Counter(
        (row.n, row.events, words)
        for row, problems in found
        for words in _READINGS
        if any(words in problem.reading for problem in problems)
    )
    findings = []
    for row, problems in found:
        if any(problem.problem == "labels exchanged" for problem in problems):
            continue
        for words, reading in _READINGS.items():
            renamed = _as_read(row.rates(), reading)
            if votes[row.n, row.events, words] < 2 or renamed is None:
                continue
            tables = tables_that_give(renamed, row.n, row.events, row.decimals)
            if len(tables):
                what = "the other rows of these columns have exchanged labels"
                hint = f"{words} ({_true_values(tables, row)})"
                findings.append(
                    Finding(problem="labels exchanged", what=what, reading=hint, label=row.label)
                )
    return findings
