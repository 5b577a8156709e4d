# SPDX-License-Identifier: Apache-2.0
"""Order training cases, and deal their patients into inner folds, whatever the file's order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.folds import Train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Int


def deal_folds(
    patients: Sequence[str],
    strata: Int[np.ndarray, " case"],
    folds: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, " case"]:
    """Give every case a fold, so that patients stay whole and classes are spread evenly.

    Parameters
    ----------
    patients : (case,) str
        Patient of every row.
    strata : (case,) int
        Class to balance; a patient with several cases counts in the highest.
    folds : int
        Number of folds.
    rng : numpy.random.Generator
        Shuffles patients after sorting their ids, so that the order of the
        rows changes nothing.

    Returns
    -------
    (case,) int
        Fold of every case, from 0.

    Raises
    ------
    NotEstimableError
        If there are fewer patients than folds.

    Examples
    --------
    >>> patients = ["a", "a", "b", "c", "d"]
    >>> fold = deal_folds(patients, np.array([1, 0, 0, 1, 0]), 2, np.random.default_rng(1))
    >>> bool(fold[0] == fold[1]), sorted(np.bincount(fold[[0, 2, 3, 4]]).tolist())
    (True, [2, 2])
    """
    highest: dict[str, int] = {}
    for patient, stratum in zip(patients, strata.tolist(), strict=True):
        highest[patient] = max(stratum, highest.get(patient, stratum))
    if not 2 <= folds <= len(highest):
        raise NotEstimableError(
            what="cross-validation needs at least two folds and a patient in each",
            got=f"{folds} folds for {len(highest)} patients",
            fix="Ask for fewer folds, or collect more patients.",
        )
    fold_of: dict[str, int] = {}
    for stratum in sorted(set(highest.values()), reverse=True):
        members = sorted(patient for patient, level in highest.items() if level == stratum)
        for place in rng.permutation(len(members)):
            fold_of[members[place]] = len(fold_of) % folds
    return np.array([fold_of[patient] for patient in patients], dtype=np.int64)


def in_case_order(train: Train) -> Train:
    """Return the training cases sorted by case id.

    Every fit starts here, so that the order of the rows in a file cannot move
    a result, not even by rounding.

    Examples
    --------
    >>> from hepacast.core.folds import Cohort, Fold
    >>> from hepacast.core.outcome import Binary
    >>> from hepacast.core.table import FeatureName, FeatureTable
    >>> table = FeatureTable(np.array([[2.0], [1.0]]), ("b", "a"), (FeatureName.clinical("AFP"),))
    >>> cohort = Cohort(table, Binary(np.array([True, False])))
    >>> train = in_case_order(Fold(frozenset("ab"), frozenset()).train(cohort))
    >>> train.table.cases, train.outcome.event.tolist()
    (('a', 'b'), [False, True])
    """
    cases = train.table.cases
    order = sorted(range(len(cases)), key=cases.__getitem__)
    if order == list(range(len(cases))):
        return train
    return Train(
        replace(
            train,
            table=train.table.rows(cases[row] for row in order),
            outcome=train.outcome.take(np.array(order, dtype=np.intp)),
            sites=tuple(train.sites[row] for row in order),
        )
    )
