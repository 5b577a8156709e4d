# SPDX-License-Identifier: Apache-2.0
"""Table 1: describe a variable by group, choose the test, and say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import HypothesisTest, p_text
from hepacast.stats.inputs import floats
from hepacast.stats.proportions import chi_square, counts_table, expected_counts, fisher_exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike

Kind = Literal["auto", "numeric", "categorical"]
_FEW_LEVELS = 2
_EXACT_BELOW = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One printed line of a table: a label and a cell per group, the last one for all cases."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A variable described by group.

    Parameters
    ----------
    name : str
        Of the variable.
    kind : {"numeric", "categorical"}
        How it was treated.
    groups : tuple of str
        Column heads, in sorted order; every row has one cell more, for all cases.
    sizes : tuple of int
        Cases per group, those with a missing value included.
    rows : tuple of Row
        Printed lines.
    missing : tuple of int
        Missing values per group.
    test : HypothesisTest or None
        None where no test could be made; ``reason`` says why.
    reason : str
        Why this test was chosen.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    rows: tuple[Row, ...]
    missing: tuple[int, ...]
    test: HypothesisTest | None
    reason: str

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        if self.test is None:
            return f"{self.name}: not tested ({self.reason})"
        return f"{self.name}: {p_text(self.test.p)} ({self.test.method}; {self.reason})"


def describe_by_group(
    values: Sequence[object] | np.ndarray,
    group: ArrayLike,
    *,
    name: str = "variable",
    kind: Kind = "auto",
    yates: bool = False,
    digits: int = 1,
) -> Description:
    """Describe one variable in two or more groups, and test the difference.

    Parameters
    ----------
    values : (case,)
        Numbers or labels; ``None``, NaN and "" are missing and are counted, not guessed.
    group : (case,)
        Labels of the groups.
    name : str
        Of the variable.
    kind : {"auto", "numeric", "categorical"}
        Numbers with more than two distinct values are numeric unless told otherwise.
    yates : bool
        Continuity correction of chi-square in 2 x 2 tables.
    digits : int
        Decimals of printed numbers.

    Returns
    -------
    Description
        Numeric and normal (Shapiro-Wilk P >= 0.05 in every group): mean with SD, t test
        (Welch's where Levene's test finds unequal variances) or analysis of variance.
        Numeric otherwise: median with quartiles, Mann-Whitney or Kruskal-Wallis test.
        Categorical: counts, chi-square test, or Fisher's exact test where an expected count is
        below 5.

    Examples
    --------
    >>> sex = ["f", "m", "m", "m", "f", "f", "m", "m"]
    >>> table = describe_by_group(sex, [0, 0, 0, 0, 1, 1, 1, 1], name="Sex")
    >>> table.rows[0].cells, table.sentence()  # doctest: +NORMALIZE_WHITESPACE
    (('1 (25.0)', '2 (50.0)', '3 (37.5)'),
     "Sex: P > 0.99 (Fisher's exact test; an expected count is below 5)")
    """
    data = np.asarray(values, dtype=object)
    labels = np.asarray(group)
    if data.shape != labels.shape or data.ndim != 1:
        raise TableError(
            what="variable and groups must describe the same cases",
            got=f"shapes {data.shape} and {labels.shape}",
            fix="Take both from the same rows.",
        )
    absent = np.array([_is_missing(value) for value in data], dtype=np.bool_)
    heads, which = np.unique(labels, return_inverse=True)
    numeric = _is_numeric(data[~absent]) if kind == "auto" else kind == "numeric"
    if numeric:
        rows, test, reason = _numeric(
            floats(name, data[~absent].astype(np.float64)), which[~absent], heads.size, digits
        )
    else:
        rows, test, reason = _categorical(
            data[~absent], which[~absent], heads.size, digits, yates=yates
        )
    return Description(
        name=name,
        kind="numeric" if numeric else "categorical",
        groups=tuple(map(str, heads)),
        sizes=tuple(np.bincount(which, minlength=heads.size).tolist()),
        rows=rows,
        missing=tuple(np.bincount(which[absent], minlength=heads.size).tolist()),
        test=test,
        reason=reason,
    )


def _is_missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))


def _is_numeric(values: np.ndarray) -> bool:
    numbers = all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
        for value in values
    )
    return numbers and len(set(values.tolist())) > _FEW_LEVELS


def _numeric(
    values: Float[np.ndarray, " case"], which: Int[np.ndarray, " case"], groups: int, digits: int
) -> tuple[tuple[Row, ...], HypothesisTest | None, str]:
    parts = [values[which == one] for one in range(groups)]
    normal, why = _normality(parts)
    columns = [*parts, values]
    row = (
        Row(label="mean (SD)", cells=tuple(_mean_sd(part, digits) for part in columns))
        if normal
        else Row(label="median (IQR)", cells=tuple(_median_iqr(part, digits) for part in columns))
    )
    try:
        test, reason = compare_numeric(parts, normal=normal)
    except NotEstimableError as error:
        return (row,), None, str(error)
    return (row,), test, f"{why}{reason}"


def _mean_sd(values: Float[np.ndarray, " case"], digits: int) -> str:
    if not values.size:
        return "none"
    spread = f"{values.std(ddof=1):.{digits}f}" if values.size > 1 else "one case"
    return f"{values.mean():.{digits}f} ({spread})"


def _median_iqr(values: Float[np.ndarray, " case"], digits: int) -> str:
    if not values.size:
        return "none"
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _normality(parts: list[Float[np.ndarray, " case"]]) -> tuple[bool, str]:
    """Decide by Shapiro-Wilk in every group, and say how."""
    if any(part.size < 3 or np.ptp(part) == 0 for part in parts):
        return False, "too few cases or values to judge normality"
    if max(part.size for part in parts) > 5000:
        return True, "means of more than 5000 cases are normal"
    least = min(float(stats.shapiro(part).pvalue) for part in parts)
    verdict = "normal" if least >= 0.05 else "not normal"
    return least >= 0.05, f"{verdict} by Shapiro-Wilk, least {p_text(least)}"


def compare_numeric(
    parts: Sequence[Float[np.ndarray, " case"]], *, normal: bool
) -> tuple[HypothesisTest, str]:
    """Test a numeric variable between groups, and say what decided the variant.

    Parameters
    ----------
    parts : sequence of (case,) float
        Values of each group, without missing ones.
    normal : bool
        Compare means; ranks otherwise.

    Raises
    ------
    NotEstimableError
        If a group is too small, or nothing varies.

    Examples
    --------
    >>> test, _ = compare_numeric([np.arange(5.0), np.arange(5.0) + 9], normal=False)
    >>> test.method, round(test.p, 4)
    ('Mann-Whitney test, exact', 0.0079)
    """
    pooled = np.concatenate(list(parts))
    if len(parts) < 2 or min(part.size for part in parts) < 1 + normal or np.ptp(pooled) == 0:
        raise NotEstimableError(
            what="a comparison needs two groups with values that vary",
            got=f"group sizes {[part.size for part in parts]}",
            fix="Describe the variable without a P value.",
        )
    if normal:
        return _means(parts)
    if len(parts) > 2:
        kruskal = stats.kruskal(*parts)
        return _test(kruskal.statistic, len(parts) - 1, kruskal.pvalue, "Kruskal-Wallis test"), ""
    exact = (
        max(part.size for part in parts) < _EXACT_BELOW and np.unique(pooled).size == pooled.size
    )
    rank = stats.mannwhitneyu(parts[0], parts[1], method="exact" if exact else "asymptotic")
    name = "Mann-Whitney test" + (", exact" if exact else "")
    return _test(rank.statistic, float("nan"), rank.pvalue, name), ""


def _test(statistic: float, df: float, p: float, method: str) -> HypothesisTest:
    return HypothesisTest(
        name="difference", statistic=float(statistic), df=float(df), p=float(p), method=method
    )


def _means(parts: Sequence[Float[np.ndarray, " case"]]) -> tuple[HypothesisTest, str]:
    if len(parts) > 2:
        anova = stats.f_oneway(*parts)
        return _test(anova.statistic, len(parts) - 1, anova.pvalue, "analysis of variance"), ""
    levene = float(stats.levene(*parts).pvalue)
    equal = not levene < 0.05
    t = stats.ttest_ind(*parts, equal_var=equal)
    verdict = "equal" if equal else "unequal"
    reason = f"; variances {verdict} by Levene, {p_text(levene)}"
    name = "Student's t test" if equal else "Welch's t test"
    return _test(t.statistic, t.df, t.pvalue, name), reason


def _categorical(
    values: np.ndarray, which: Int[np.ndarray, " case"], groups: int, digits: int, *, yates: bool
) -> tuple[tuple[Row, ...], HypothesisTest | None, str]:
    levels, level = np.unique([str(value) for value in values], return_inverse=True)
    counts = np.zeros((levels.size, groups + 1), dtype=np.int64)
    np.add.at(counts, (level, which), 1)
    counts[:, -1] = counts[:, :-1].sum(axis=1)
    totals = np.maximum(counts.sum(axis=0), 1)
    rows = tuple(
        Row(
            label=str(name),
            cells=tuple(
                f"{k} ({100 * k / total:.{digits}f})" for k, total in zip(line, totals, strict=True)
            ),
        )
        for name, line in zip(levels, counts, strict=True)
    )
    try:
        test, reason = compare_counts(counts[:, :-1], yates=yates)
    except NotEstimableError as error:
        return rows, None, str(error)
    return rows, test, reason


def compare_counts(counts: ArrayLike, *, yates: bool = False) -> tuple[HypothesisTest, str]:
    """Test a table of counts: Fisher where an expected count is below 5, else chi-square.

    Parameters
    ----------
    counts : (level, group) int
        Empty rows and columns are left out.
    yates : bool
        Continuity correction of chi-square in 2 x 2 tables.

    Examples
    --------
    >>> test, reason = compare_counts([[20, 30], [25, 12]])
    >>> test.method, reason
    ('chi-square test', 'every expected count is at least 5')
    """
    table = counts_table(counts)
    if expected_counts(table).min() >= 5:
        return chi_square(table, yates=yates), "every expected count is at least 5"
    try:
        return fisher_exact(table), "an expected count is below 5"
    except NotEstimableError:
        reason = "an expected count is below 5, but the table is too large for Fisher's test"
        return chi_square(table, yates=yates), reason
