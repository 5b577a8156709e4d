# SPDX-License-Identifier: Apache-2.0
"""Who may be looked at when: the types that make a leak visible.

A model learns from a :data:`Train`, and only :meth:`Fold.train` makes one, so
passing a whole cohort to ``fit`` fails the type checker.  It scores a
:class:`~hepacast.core.table.FeatureTable`, which carries no outcome, and
refuses at run time every patient whom it saw in training.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NewType

import numpy as np

from hepacast.core.errors import LeakError, TableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hepacast.core.outcome import Outcome
    from hepacast.core.table import FeatureName, FeatureTable


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Cases with their features and what happened to them.

    Parameters
    ----------
    table : FeatureTable
        Features, one row per case.
    outcome : Binary, Survival or CompetingRisks
        In the order of the table's rows.
    sites : tuple of str
        Centre of every case; empty when there is only one.
    """

    table: FeatureTable
    outcome: Outcome
    sites: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that all parts describe the same cases."""
        if not self.sites:
            object.__setattr__(self, "sites", ("",) * len(self.table))
        lengths = {len(self.table), len(self.outcome), len(self.sites)}
        if len(lengths) > 1:
            raise TableError(
                what="features, outcome and sites must describe the same cases",
                got="rows, outcomes, sites: "
                f"{len(self.table)}, {len(self.outcome)}, {len(self.sites)}",
                fix="Join them on the case id first.",
            )

    def __len__(self) -> int:
        return len(self.table)

    def with_table(self, table: FeatureTable) -> Cohort:
        """Return the same cases with other features."""
        if table.cases != self.table.cases:
            raise TableError(
                what="new features must describe the same cases in the same order",
                got=f"{len(table)} rows for {len(self)} cases",
                fix="Take the rows by case id first.",
            )
        return replace(self, table=table)

    def with_outcome(self, outcome: Outcome) -> Cohort:
        """Return the same cases with another outcome (a permuted one, say)."""
        return replace(self, outcome=outcome)

    def of_patients(self, patients: Iterable[str]) -> Cohort:
        """Return the cases of the given patients, in table order."""
        wanted = frozenset(patients)
        keep = np.flatnonzero([patient in wanted for patient in self.table.patients])
        cases = tuple(self.table.cases[row] for row in keep)
        sites = tuple(self.sites[row] for row in keep)
        return Cohort(self.table.rows(cases), self.outcome.take(keep), sites)


Train = NewType("Train", Cohort)
"""Cases that a model may learn from; only :meth:`Fold.train` makes one."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One division of the patients.

    Parameters
    ----------
    learn : frozenset of str
        Patients to learn from.
    score : frozenset of str
        Patients to be scored; none of them may be in ``learn``.
    label : str
        For messages and the lock file: ``"repeat 1 fold 3"``.

    Raises
    ------
    LeakError
        If a patient is on both sides.
    """

    learn: frozenset[str]
    score: frozenset[str]
    label: str = "fold"

    def __post_init__(self) -> None:
        """Refuse a patient on both sides."""
        if both := self.learn & self.score:
            raise LeakError(
                what="a patient is either learned from or scored",
                got=f"{len(both)} on both sides of {self.label}, the first is {min(both)!r}",
                fix="Divide by patient, not by case, lesion or slice.",
            )

    def train(self, cohort: Cohort) -> Train:
        """Return the cases that ``fit`` accepts."""
        return Train(cohort.of_patients(self.learn))

    def test(self, cohort: Cohort) -> FeatureTable:
        """Return the features of the cases to be scored, without their outcome."""
        return cohort.of_patients(self.score).table


class Fitted(ABC):
    """Something that learned, and remembers from whom.

    Parameters
    ----------
    train : Train
        What it learned from.
    """

    def __init__(self, train: Train) -> None:
        self.seen: frozenset[str] = frozenset(train.table.patients)

    @abstractmethod
    def _apply(self, table: FeatureTable) -> FeatureTable:
        """Compute the output for any rows; callers go through the guarded methods."""

    def apply(self, table: FeatureTable) -> FeatureTable:
        """Return the output for patients whom it has never seen.

        Raises
        ------
        LeakError
            If one of them was seen in training.
        """
        if again := self.seen.intersection(table.patients):
            raise LeakError(
                what=f"{type(self).__name__} may not score patients it learned from",
                got=f"{len(again)} seen in training, the first is {min(again)!r}",
                fix="Score them with a fold that left them out, or say apparent().",
            )
        return self._apply(table)

    def apparent(self, train: Train) -> Train:
        """Return the training cases with its output: what the next step learns from.

        Estimates from these values are optimistic and must say so.
        """
        return Train(train.with_table(self._apply(train.table)))


def keep_columns(train: Train, columns: Sequence[FeatureName]) -> Train:
    """Return the same training cases with fewer columns.

    Parameters
    ----------
    train : Train
        Made by a fold.
    columns : sequence of FeatureName
        To keep, in this order.

    Examples
    --------
    >>> import numpy as np
    >>> from hepacast.core.outcome import Binary
    >>> from hepacast.core.table import FeatureName, FeatureTable
    >>> names = tuple(map(FeatureName.clinical, ("age", "afp")))
    >>> table = FeatureTable(np.ones((2, 2)), ("p1", "p2"), names)
    >>> cohort = Cohort(table, Binary(np.array([True, False])))
    >>> train = Fold(frozenset({"p1", "p2"}), frozenset()).train(cohort)
    >>> [column.label for column in keep_columns(train, names[1:]).table.columns]
    ['afp']
    """
    return Train(train.with_table(train.table.select(columns)))
