# SPDX-License-Identifier: Apache-2.0
"""Chance-corrected agreement of readers on labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import interval_text, p_text, z_of
from hepacast.stats.inputs import floats
from hepacast.stats.proportions import counts_table

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike

Weights = Literal["none", "linear", "quadratic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Chance-corrected agreement on labels.

    Parameters
    ----------
    name : str
        Which kappa.
    estimate, low, high, se : float
        Estimate, limits, and the standard error they rest on.
    z, p : float
        Test of agreement by chance, with the standard error under that hypothesis.
    observed, expected : float
        (Weighted) share of agreement seen, and expected by chance.
    n : int
        Cases.
    method : str
        How interval and P value were made.
    level : float
        Confidence level.
    """

    name: str
    estimate: float
    low: float
    high: float
    se: float
    z: float
    p: float
    observed: float
    expected: float
    n: int
    method: str
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        interval = interval_text(self.low, self.high, self.level, digits)
        tail = f"{interval}; {p_text(self.p)}, {self.method}"
        return f"{self.name} {self.estimate:.{digits}f} ({tail})"


def cohen_kappa(counts: ArrayLike, weights: Weights = "none", *, level: float = 0.95) -> Kappa:
    """Cohen's kappa of two readers.

    Parameters
    ----------
    counts : (label, label) int
        First reader in rows, second in columns, labels in the same order; categories that
        neither used may be left in.
    weights : {"none", "linear", "quadratic"}
        Credit for near misses of ordered labels.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        If both readers used one and the same label only.

    Notes
    -----
    Source: Fleiss, Cohen and Everitt 1969, Psychol Bull 72:323.

    Examples
    --------
    >>> cohen_kappa([[20, 5], [10, 15]]).sentence()
    'Cohen kappa 0.40 (95 % CI 0.15-0.65; P = 0.004, asymptotic)'
    """
    values = floats("count", counts)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise TableError(
            what="kappa needs a square table: the same labels for both readers",
            got=f"shape {values.shape}",
            fix="Count with all labels in one order for rows and columns.",
        )
    n, size = float(values.sum()), len(values)
    credit = _credit(size, weights)
    p = values / max(n, 1.0)
    row, column = p.sum(axis=1), p.sum(axis=0)
    chance = np.outer(row, column)
    observed, expected = float((credit * p).sum()), float((credit * chance).sum())
    if n < 2 or expected >= 1 - 1e-15:
        raise NotEstimableError(
            what="kappa needs readers who use two labels",
            got=f"{int(n)} cases and chance agreement of {expected:g}",
            fix="Report the share of agreement instead.",
        )
    kappa = (observed - expected) / (1 - expected)
    mean = (credit @ column)[:, None] + (row @ credit)[None, :]
    scale = n * (1 - expected) ** 2
    moved = (p * (credit - mean * (1 - kappa)) ** 2).sum()
    variance = (moved - (kappa - expected * (1 - kappa)) ** 2) / scale
    null = ((chance * (credit - mean) ** 2).sum() - expected**2) / scale
    se = float(np.sqrt(max(variance, 0.0)))
    z = float(kappa / np.sqrt(null))
    reach = z_of(level) * se
    return Kappa(
        name="Cohen kappa" if weights == "none" else f"{weights} weighted kappa",
        estimate=kappa,
        low=max(kappa - reach, -1.0),
        high=min(kappa + reach, 1.0),
        se=se,
        z=z,
        p=float(2 * stats.norm.sf(abs(z))),
        observed=observed,
        expected=expected,
        n=int(n),
        method="asymptotic",
        level=level,
    )


def _credit(size: int, weights: Weights) -> Float[np.ndarray, "label label"]:
    step = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / max(size - 1, 1)
    rules: dict[str, Float[np.ndarray, "label label"]] = {
        "none": (step == 0).astype(np.float64),
        "linear": 1 - step,
        "quadratic": 1 - step**2,
    }
    if weights not in rules:
        raise TableError(
            what="kappa weights are none, linear or quadratic",
            got=repr(weights),
            fix="Use quadratic for ordered grades.",
        )
    return rules[weights]


def fleiss_kappa(counts: ArrayLike, *, level: float = 0.95) -> Kappa:
    """Fleiss' kappa of several readers.

    Parameters
    ----------
    counts : (case, label) int
        How many readers gave each label; the same number of readers for every case.
    level : float
        Confidence level.

    Notes
    -----
    P value with the standard error under chance (Fleiss, Nee and Landis 1979, Psychol Bull
    86:974); interval from the jackknife over cases.

    Examples
    --------
    >>> fleiss_kappa([[3, 0], [2, 1], [0, 3], [3, 0], [1, 2], [0, 3]]).sentence()
    'Fleiss kappa 0.56 (95 % CI -0.04 to 1.00; P = 0.02, jackknife interval)'
    """
    table = counts_table(counts)
    values = floats("count", counts)
    m = values[0].sum()
    if (values.sum(axis=1) != m).any() or m < 2 or len(values) < 3:
        raise NotEstimableError(
            what="Fleiss' kappa needs the same number of readers, two at least, for three cases",
            got=f"{sorted({int(total) for total in values.sum(axis=1)})} readers",
            fix="Leave out cases that a reader skipped.",
        )
    n = len(table)
    agree = (table * (table - 1)).sum(axis=1) / (m * (m - 1))

    def kappa_of(shares: np.ndarray, total: np.ndarray) -> np.ndarray:
        chance = (shares**2).sum(axis=-1)
        value: np.ndarray = (total - chance) / np.maximum(1 - chance, 1e-300)
        return value

    share = table.sum(axis=0) / (n * m)
    kappa = float(kappa_of(share, agree.mean()))
    without = kappa_of((table.sum(axis=0) - table) / ((n - 1) * m), (agree.sum() - agree) / (n - 1))
    se = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    q = share * (1 - share)
    null = 2 / (n * m * (m - 1)) * (q.sum() ** 2 - (q * (1 - 2 * share)).sum()) / q.sum() ** 2
    z = kappa / float(np.sqrt(null))
    reach = z_of(level) * se
    return Kappa(
        name="Fleiss kappa",
        estimate=kappa,
        low=max(kappa - reach, -1.0),
        high=min(kappa + reach, 1.0),
        se=se,
        z=z,
        p=float(2 * stats.norm.sf(abs(z))),
        observed=float(agree.mean()),
        expected=float((share**2).sum()),
        n=n,
        method="jackknife interval",
        level=level,
    )
