# SPDX-License-Identifier: Apache-2.0
"""Counts: proportions with intervals, contingency tables, several P values at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special, stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import Estimate, HypothesisTest, z_of
from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike


def _check_counts(successes: int, total: int) -> None:
    if total < 1 or not 0 <= successes <= total:
        raise NotEstimableError(
            what="a proportion needs 0 <= successes <= total, and a total of at least 1",
            got=f"{successes} of {total}",
            fix="Report the count without a proportion.",
        )


def exact_proportion(
    successes: int, total: int, *, name: str = "proportion", level: float = 0.95
) -> Estimate:
    """Proportion with the exact (Clopper-Pearson) interval.

    Parameters
    ----------
    successes, total : int
        Counts.
    name : str
        What a manuscript calls it.
    level : float
        Confidence level.

    Notes
    -----
    Source: Clopper and Pearson 1934, Biometrika 26:404.

    Examples
    --------
    >>> exact_proportion(12, 13, name="sensitivity").sentence(3)
    'sensitivity 0.923 (95 % CI 0.640-0.998; Clopper-Pearson)'
    """
    _check_counts(successes, total)
    tail = (1 - level) / 2
    misses = total - successes
    low = float(special.betaincinv(successes, misses + 1, tail)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, misses, 1 - tail)) if misses else 1.0
    return Estimate(
        name=name,
        estimate=successes / total,
        low=low,
        high=high,
        se=float("nan"),
        n=total,
        events=successes,
        method="Clopper-Pearson",
        level=level,
    )


def wilson_proportion(
    successes: int, total: int, *, name: str = "proportion", level: float = 0.95
) -> Estimate:
    """Proportion with Wilson's score interval.

    Parameters
    ----------
    successes, total : int
        Counts.
    name : str
        What a manuscript calls it.
    level : float
        Confidence level.

    Notes
    -----
    Source: Wilson 1927, J Am Stat Assoc 22:209; no continuity correction.

    Examples
    --------
    >>> wilson_proportion(0, 10).sentence()
    'proportion 0.00 (95 % CI 0.00-0.28; Wilson)'
    """
    _check_counts(successes, total)
    z, share = z_of(level), successes / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    reach = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + (z / total) ** 2 / 4)
    return Estimate(
        name=name,
        estimate=share,
        # A count of none or all touches the limit exactly; rounding would miss it by 1e-17.
        low=float(max(centre - reach, 0.0)) if successes else 0.0,
        high=float(min(centre + reach, 1.0)) if successes < total else 1.0,
        se=float(np.sqrt(share * (1 - share) / total)),
        n=total,
        events=successes,
        method="Wilson",
        level=level,
    )


def crosstab(rows: ArrayLike, columns: ArrayLike) -> Int[np.ndarray, "row column"]:
    """Count how often each pair of labels occurs; labels in sorted order.

    >>> crosstab(["a", "a", "b"], [0, 1, 1]).tolist()
    [[1, 1], [0, 1]]
    """
    row_labels, row = np.unique(np.asarray(rows), return_inverse=True)
    column_labels, column = np.unique(np.asarray(columns), return_inverse=True)
    counts = np.zeros((row_labels.size, column_labels.size), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    return counts


def counts_table(counts: ArrayLike) -> Int[np.ndarray, "row column"]:
    """Check a contingency table: whole, not negative, no empty row or column.

    Parameters
    ----------
    counts : (row, column) array
        Cases.

    Returns
    -------
    (row, column) int
        Without the rows and columns that have no case.

    Raises
    ------
    TableError
        If a count is negative or broken.
    NotEstimableError
        If fewer than two rows or columns have a case.

    Examples
    --------
    >>> counts_table([[3, 0, 4], [5, 0, 1]]).tolist()
    [[3, 4], [5, 1]]
    """
    values = floats("count", counts)
    if values.ndim != 2 or (values < 0).any() or (values != np.round(values)).any():
        raise TableError(
            what="a contingency table holds whole counts in rows and columns",
            got=f"shape {values.shape}, least value {values.min():g}",
            fix="Pass the counts, not shares or percentages.",
        )
    table: Int[np.ndarray, "row column"] = values.astype(np.int64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        raise NotEstimableError(
            what="a test of association needs two rows and two columns with cases",
            got=f"{table.shape[0]} rows and {table.shape[1]} columns with cases",
            fix="Describe the variable without a P value.",
        )
    return table


def expected_counts(counts: ArrayLike) -> Float[np.ndarray, "row column"]:
    """Return the counts expected without association.

    >>> expected_counts([[1, 3], [3, 1]]).tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    table = counts_table(counts)
    expected: Float[np.ndarray, "row column"] = (
        table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    )
    return expected


def chi_square(counts: ArrayLike, *, yates: bool = False) -> HypothesisTest:
    """Pearson's chi-square test of association.

    Parameters
    ----------
    counts : (row, column) int
        Empty rows and columns are left out.
    yates : bool
        Continuity correction; for 2 x 2 tables only (ignored otherwise, as in R).

    Examples
    --------
    >>> chi_square([[12, 5], [4, 11]], yates=True).method
    'chi-square test with Yates correction'
    """
    table = counts_table(counts)
    expected = expected_counts(table)
    corrected = yates and table.shape == (2, 2)
    gap = np.abs(table - expected)
    if corrected:
        gap = gap - min(0.5, float(gap.min()))
    statistic = float((gap**2 / expected).sum())
    df = (table.shape[0] - 1) * (table.shape[1] - 1)
    return HypothesisTest(
        name="association",
        statistic=statistic,
        df=df,
        p=float(stats.chi2.sf(statistic, df)),
        method="chi-square test" + " with Yates correction" * corrected,
    )


def _next_column(
    left: tuple[int, ...], size: int, log_weight: float, most: int
) -> list[tuple[tuple[int, ...], float]]:
    """List every way to put ``size`` cases of a column into rows with ``left`` places."""
    ways: list[tuple[tuple[int, ...], int, float]] = [((), size, log_weight)]
    for at, places in enumerate(left):
        rest = sum(left[at + 1 :])
        ways = [
            ((*done, places - take), still - take, weight - float(special.gammaln(take + 1)))
            for done, still, weight in ways
            for take in range(max(0, still - rest), min(places, still) + 1)
        ]
        _refuse_many(len(ways), most)
    return [(done, weight) for done, _, weight in ways]


def _refuse_many(tables: int, most: int) -> None:
    if tables > most:
        raise NotEstimableError(
            what="Fisher's exact test must enumerate the tables",
            got=f"more than {most} partial tables",
            fix="Use the chi-square test, or merge rare categories.",
        )


def fisher_exact(counts: ArrayLike, *, max_tables: int = 200_000) -> HypothesisTest:
    """Fisher's exact test, for tables of any size (Freeman and Halton).

    Parameters
    ----------
    counts : (row, column) int
        Empty rows and columns are left out.
    max_tables : int
        Give up beyond so many partial tables.

    Returns
    -------
    HypothesisTest
        Two-sided P: the probability of all tables with these margins that are no more likely
        than the observed one.

    Raises
    ------
    NotEstimableError
        If the table is too large to enumerate.

    Notes
    -----
    Exact enumeration column by column; equal partial tables up to an order of rows are merged,
    but each keeps its own probabilities, so nothing is sampled.  Tables within a relative 1e-7
    of the observed probability count as equally likely, as in R.

    Examples
    --------
    >>> round(fisher_exact([[3, 1], [1, 3]]).p, 4)
    0.4857
    """
    table = counts_table(counts)
    if table.shape[0] > table.shape[1]:
        table = table.T
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    constant = float(
        special.gammaln(rows + 1).sum()
        + special.gammaln(columns + 1).sum()
        - special.gammaln(table.sum() + 1)
    )
    observed = constant - float(special.gammaln(table + 1).sum())
    p = _fisher_tail(
        tuple(map(int, rows)), tuple(map(int, columns)), constant, observed, max_tables
    )
    return HypothesisTest(
        name="association",
        statistic=float("nan"),
        df=float("nan"),
        p=min(p, 1.0),
        method="Fisher's exact test",
    )


def _fisher_tail(
    rows: tuple[int, ...],
    columns: tuple[int, ...],
    constant: float,
    observed: float,
    max_tables: int,
) -> float:
    """Sum the probabilities of tables that are no more likely than the observed one."""
    # A partial table is known by its open places and its log weight, rounded far below the
    # 1e-7 within which two tables count as equally likely; the value counts how many share it.
    states: dict[tuple[tuple[int, ...], float], float] = {(tuple(sorted(rows)), constant): 1.0}
    for size in sorted(columns, reverse=True)[:-1]:
        following: dict[tuple[tuple[int, ...], float], float] = {}
        for (left, weight), many in states.items():
            for places, new in _next_column(left, size, weight, max_tables):
                key = (tuple(sorted(places)), round(new, 10))
                following[key] = following.get(key, 0.0) + many
            _refuse_many(len(following), max_tables)
        states = following
    p = 0.0
    for (left, weight), many in states.items():
        final = weight - float(special.gammaln(np.asarray(left) + 1).sum())
        if final <= observed + 1e-7:
            p += many * float(np.exp(final))
    return p


def mcnemar(counts: ArrayLike, *, exact: bool = False, corrected: bool = True) -> HypothesisTest:
    """McNemar's test of two paired yes-or-no calls.

    Parameters
    ----------
    counts : (2, 2) int
        First reader in rows, second in columns.
    exact : bool
        Binomial test of the discordant pairs instead of chi-square.
    corrected : bool
        Edwards' continuity correction of the chi-square form (R's default).

    Examples
    --------
    >>> round(mcnemar([[10, 2], [9, 20]], exact=True).p, 4)
    0.0654
    """
    table = floats("count", counts)
    b, c = int(table[0, 1]), int(table[1, 0])
    if exact:
        p = 1.0 if b + c == 0 else float(stats.binomtest(b, b + c, 0.5).pvalue)
        return HypothesisTest(
            name="paired calls", statistic=float(b), df=float("nan"), p=p, method="exact McNemar"
        )
    if b + c == 0:
        raise NotEstimableError(
            what="McNemar's chi-square needs discordant pairs",
            got="none",
            fix="Use exact=True, whose P is then 1.",
        )
    statistic = max(abs(b - c) - float(corrected), 0.0) ** 2 / (b + c)
    return HypothesisTest(
        name="paired calls",
        statistic=statistic,
        df=1,
        p=float(stats.chi2.sf(statistic, 1)),
        method="McNemar test" + " with continuity correction" * corrected,
    )


Adjustment = Literal["bonferroni", "holm", "hochberg", "benjamini-hochberg", "benjamini-yekutieli"]


def adjust_p(p: ArrayLike, method: Adjustment = "benjamini-hochberg") -> Float[np.ndarray, " test"]:
    """Adjust P values for their number.

    Parameters
    ----------
    p : (test,) float
        In any order; the order is kept.
    method : str
        Family-wise (bonferroni, holm, hochberg) or false discovery rate (the others).

    Examples
    --------
    >>> adjust_p([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    values = floats("P value", p)
    m = values.size
    down = np.argsort(values, kind="stable")[::-1]
    rank = np.arange(m, 0, -1)
    out = np.empty(m)
    if method == "bonferroni":
        out[:] = np.minimum(values * m, 1.0)
        return out
    if method == "holm":
        up = down[::-1]
        out[up] = np.maximum.accumulate(values[up] * np.arange(m, 0, -1))
        return np.minimum(out, 1.0)
    factor = {
        "hochberg": m + 1.0 - rank,
        "benjamini-hochberg": m / rank,
        "benjamini-yekutieli": m / rank * (1 / np.arange(1, m + 1)).sum(),
    }[method]
    out[down] = np.minimum(np.minimum.accumulate(values[down] * factor), 1.0)
    return out
