# SPDX-License-Identifier: Apache-2.0
"""Sets of outcomes that hold the true one as often as promised, within each class.

With few patients per class the sets are wide, and with very few they cannot
exclude anything: both are said rather than hidden.

Sources: Vovk 2005, Algorithmic Learning in a Random World (label-conditional sets);
Vovk 2015, Ann Math Artif Intell 74:9 (cross-conformal prediction).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import LeakError, NotEstimableError, TableError
from hepacast.core.folds import Fitted
from hepacast.core.outcome import Binary
from hepacast.core.params import Params
from hepacast.core.table import FeatureName
from hepacast.stats.inputs import both_classes
from hepacast.stats.proportions import exact_proportion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable
    from hepacast.stats.estimate import Estimate

_ROUNDING = 1e-12
"""1 - 0.9 is a little less than 0.1, and must not keep a P value of 0.1 in the set."""
_CLASSES = ("no event", "event")


class ConformalParams(Params):
    """Settings of conformal sets."""

    kind: Literal["class-conditional"] = "class-conditional"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Share of the cases of each class whose set holds their class."""


@dataclass(frozen=True, slots=True, eq=False)
class ConformalSets:
    """The outcomes that cannot be excluded for each case.

    Parameters
    ----------
    p_values : (case, 2) float
        Of no event and of the event: small values exclude.
    level : float
        Promised share.
    reference : tuple of two int
        Cases of each class that the P values were counted in.
    """

    p_values: Float[np.ndarray, "case 2"]
    level: float
    reference: tuple[int, int]

    @property
    def member(self) -> Bool[np.ndarray, "case 2"]:
        """Whether no event, and the event, belong to the set of each case."""
        kept: Bool[np.ndarray, "case 2"] = self.p_values > 1 - self.level + _ROUNDING
        return kept

    @property
    def width(self) -> float:
        """Mean number of outcomes in a set, between 0 and 2; 1 is a decision."""
        return float(self.member.sum(axis=1).mean())

    def sentence(self) -> str:
        """Say how wide the sets are, and where they cannot exclude anything.

        Examples
        --------
        >>> ConformalSets(np.array([[0.02, 0.5], [0.4, 0.6]]), 0.9, (40, 5)).sentence()
        '90 % sets: 50 % decide, 50 % hold both outcomes, 0 % neither (mean width 1.50; 40 cases \
without and 5 with the event). With 5 cases event can never be excluded: 9 are needed.'
        """
        size = self.member.sum(axis=1)
        shares = [100 * float((size == n).mean()) for n in (1, 2, 0)]
        text = (
            f"{100 * self.level:.0f} % sets: {shares[0]:.0f} % decide, {shares[1]:.0f} % hold both "
            f"outcomes, {shares[2]:.0f} % neither (mean width {self.width:.2f}; "
            f"{self.reference[0]} cases without and {self.reference[1]} with the event)."
        )
        least = least_cases(self.level)
        for name, n in zip(_CLASSES, self.reference, strict=True):
            if n < least:
                text += f" With {n} cases {name} can never be excluded: {least} are needed."
        return text

    def coverage(self, event: Bool[np.ndarray, " case"]) -> tuple[Estimate, Estimate]:
        """Share of the cases of each class whose set holds it, with exact limits.

        Parameters
        ----------
        event : (case,) bool
            What happened to the cases.
        """
        happened = np.asarray(event, bool)
        both_classes("coverage by class", happened)
        held = [self.member[happened == bool(n), n] for n in (0, 1)]
        first, second = (exact_proportion(int(one.sum()), one.size) for one in held)
        return first, second


def least_cases(level: float) -> int:
    """Return the cases of a class below which that class can never be excluded.

    >>> least_cases(0.9), least_cases(0.95)
    (9, 19)
    """
    return int(np.ceil(1 / (1 - level) - 1 - 1e-9))


class Conformal(Fitted):
    """Sets from probabilities, calibrated on cases that their networks had not seen.

    Its output is two columns of P values, of no event and of the event.
    """

    def __init__(
        self,
        train: Train,
        params: ConformalParams,
        odd: tuple[Float[np.ndarray, " case"], Float[np.ndarray, " case"]],
    ) -> None:
        super().__init__(train)
        self.params, self._odd = params, odd

    def sets(self, table: FeatureTable) -> ConformalSets:
        """Return the sets of patients whom it has never seen; one column of probabilities.

        Raises
        ------
        LeakError
            If one of them was among the calibration cases.
        """
        found = self.apply(table).values
        reference = (self._odd[0].size, self._odd[1].size)
        return ConformalSets(found, self.params.level, reference)

    def _apply(self, table: FeatureTable) -> FeatureTable:
        odd = _oddness(_probability(table))
        values = np.stack([_p_value(self._odd[n], odd[:, n]) for n in (0, 1)], axis=1)
        columns = tuple(FeatureName.score(f"P of {name}") for name in _CLASSES)
        return table.with_values(values, columns)


def fit_conformal(train: Train, params: ConformalParams) -> Conformal:
    """Calibrate conformal sets within each class (split conformal).

    Parameters
    ----------
    train : Train
        One column of probabilities by networks that had not seen these cases.
    params : ConformalParams
        The share promised.

    Raises
    ------
    NotEstimableError
        With one class only, or another outcome than a binary one.

    Examples
    --------
    >>> from hepacast.core.folds import Cohort, Fold
    >>> from hepacast.core.table import FeatureTable
    >>> p = np.linspace(0, 1, 40)
    >>> cases = (*(f"c{at}" for at in range(40)), "new")
    >>> name = FeatureName.score("net")
    >>> table = FeatureTable(np.append(p, 0.01)[:, None], cases, (name,))
    >>> cohort = Cohort(table, Binary(np.append(p > 0.5, False)))
    >>> fold = Fold(frozenset(cases[:40]), frozenset(cases[40:]))
    >>> found = fit_conformal(fold.train(cohort), ConformalParams(level=0.9))
    >>> found.sets(fold.test(cohort)).member.tolist()  # no event fits; the event is excluded
    [[True, False]]
    """
    outcome = train.outcome
    if not isinstance(outcome, Binary):
        raise NotEstimableError(
            what="conformal sets are made for a binary outcome",
            got=type(outcome).__name__,
            fix="Choose a horizon, and exclude cases censored before it.",
        )
    both_classes("conformal sets", outcome.event)
    odd = _oddness(_probability(train.table))
    parts = odd[~outcome.event, 0], odd[outcome.event, 1]
    return Conformal(train, params, parts)


def cross_conformal(
    out_of_fold: Sequence[Conformal], tables: Sequence[FeatureTable]
) -> ConformalSets:
    """Join the folds: every training case is used for calibration once.

    Parameters
    ----------
    out_of_fold : sequence of Conformal
        One per fold, calibrated on the cases that its network left out.
    tables : sequence of FeatureTable
        Probabilities of the same new cases by the network of each fold.

    Returns
    -------
    ConformalSets
        At the level of the first fold.  The promise holds nearly, not exactly: errors are at
        most doubled, and in practice close to the level (Barber 2021, Ann Stat 49:486).

    Raises
    ------
    TableError
        If folds and tables do not belong together.
    LeakError
        If a new case was used in any fold.
    """
    if not tables or len({table.cases for table in tables}) != 1 or len(out_of_fold) != len(tables):
        raise TableError(
            what="cross-conformal sets need one table of the same new cases per fold",
            got=f"{len(out_of_fold)} folds, {len(tables)} tables",
            fix="Score the new cases with the network of every fold.",
        )
    seen = frozenset().union(*(one.seen for one in out_of_fold))
    if again := seen.intersection(tables[0].patients):
        raise LeakError(
            what="conformal sets may not be made for patients of their own calibration",
            got=f"{len(again)} of them, the first is {min(again)!r}",
            fix="Make sets for new patients only.",
        )
    counts = np.zeros((len(tables[0]), 2))
    sizes = [0, 0]
    for one, table in zip(out_of_fold, tables, strict=True):
        odd = _oddness(_probability(table))
        for n in (0, 1):
            reference = one._odd[n]
            counts[:, n] += (reference[None, :] >= odd[:, n, None]).sum(axis=1)
            sizes[n] += reference.size
    p_values = (counts + 1) / (np.array(sizes) + 1)
    return ConformalSets(p_values, out_of_fold[0].params.level, (sizes[0], sizes[1]))


def _oddness(p: Float[np.ndarray, " case"]) -> Float[np.ndarray, "case 2"]:
    """How little each outcome fits: the probability of the other one."""
    return np.stack([p, 1 - p], axis=1)


def _p_value(
    reference: Float[np.ndarray, " case"], odd: Float[np.ndarray, " new"]
) -> Float[np.ndarray, " new"]:
    """Share of the reference at least as odd, the new case included."""
    found: Float[np.ndarray, " new"] = (reference[None, :] >= odd[:, None]).sum(axis=1) + 1
    return found / (reference.size + 1)


def _probability(table: FeatureTable) -> Float[np.ndarray, " case"]:
    values = table.complete("conformal sets")
    if values.shape[1] != 1 or values.min(initial=0) < 0 or values.max(initial=1) > 1:
        raise TableError(
            what="conformal sets take one column of probabilities",
            got=f"{values.shape[1]} columns between {values.min():.3g} and {values.max():.3g}",
            fix="Select the score, and turn logits into probabilities first.",
        )
    return values[:, 0]
