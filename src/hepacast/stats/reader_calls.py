# SPDX-License-Identifier: Apache-2.0
"""Yes-or-no calls of several readers, with and without a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.stats.inputs import both_classes, flags
from hepacast.stats.kappa import Kappa, cohen_kappa, fleiss_kappa
from hepacast.stats.proportions import exact_proportion, mcnemar
from hepacast.stats.readers import CONDITIONS, reads_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

    from hepacast.stats.estimate import Estimate, HypothesisTest


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Calls:
    """One reader's yes-or-no calls in two conditions.

    Parameters
    ----------
    sensitivity, specificity : tuple of Estimate
        In the first and in the second condition, exact limits.
    on_events, on_others : HypothesisTest
        Exact McNemar tests of the calls on cases with and without the event.
    changed_right, changed_wrong : int
        Calls that are right only in the first condition, and only in the second.
    """

    sensitivity: tuple[Estimate, Estimate]
    specificity: tuple[Estimate, Estimate]
    on_events: HypothesisTest
    on_others: HypothesisTest
    changed_right: int
    changed_wrong: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReaderCalls:
    """Yes-or-no calls of all readers in two conditions.

    Parameters
    ----------
    readers : tuple of Calls
        In the order given.
    agreement : tuple of Kappa
        Fleiss' kappa between all readers, in each condition.
    pairs : tuple of tuple of Kappa
        Cohen's kappa of each pair of readers (1-2, 1-3, 2-3 ...), in each condition.
    """

    readers: tuple[Calls, ...]
    agreement: tuple[Kappa, Kappa]
    pairs: tuple[tuple[Kappa, ...], tuple[Kappa, ...]]


def reader_calls(calls: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> ReaderCalls:
    """Describe what readers called in two conditions, one by one and together.

    Parameters
    ----------
    calls : (2, reader, case) bool
        True where the reader expected the event: with the model, and without.
    event : (case,) bool
        True where the event happened.
    level : float
        Confidence level.

    Examples
    --------
    >>> event = np.array([1, 1, 1, 0, 0, 0])
    >>> with_model = [[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1]]
    >>> without = [[1, 0, 0, 0, 0, 1], [1, 1, 0, 0, 1, 1]]
    >>> found = reader_calls([with_model, without], event)
    >>> [one.estimate for one in found.readers[0].specificity], found.readers[0].changed_right
    ([1.0, 0.6666666666666666], 3)
    """
    happened = flags("event", event)
    values = reads_of(calls, happened.size)
    both_classes("sensitivity and specificity", happened)
    called = np.stack([flags("call", row) for row in values.reshape(-1, happened.size)])
    called = called.reshape(values.shape)
    readers = tuple(
        one_reader_calls(called[:, at], happened, level=level) for at in range(values.shape[1])
    )
    first, second = (_together(one, level) for one in called)
    return ReaderCalls(
        readers=readers, agreement=(first[0], second[0]), pairs=(first[1], second[1])
    )


def one_reader_calls(calls: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> Calls:
    """Describe what one reader called in two conditions.

    Parameters
    ----------
    calls : (2, case) bool
        True where the reader expected the event: with the model, and without.
    event : (case,) bool
        True where the event happened.
    level : float
        Confidence level.

    Examples
    --------
    >>> found = one_reader_calls([[1, 1, 0, 0], [1, 0, 0, 1]], [1, 1, 0, 0])
    >>> [one.estimate for one in found.sensitivity], found.changed_right
    ([1.0, 0.5], 2)
    """
    happened = flags("event", event)
    both_classes("sensitivity and specificity", happened)
    rows = np.asarray(calls)
    called = np.stack([flags("call", rows[at], happened.size) for at in range(CONDITIONS)])
    right = called == happened
    yes, no = right[:, happened], right[:, ~happened]

    def share(name: str, rows: Bool[np.ndarray, "condition case"]) -> tuple[Estimate, Estimate]:
        first, second = (
            exact_proportion(int(row.sum()), row.size, name=name, level=level) for row in rows
        )
        return first, second

    def paired(rows: Bool[np.ndarray, "condition case"]) -> HypothesisTest:
        first, second = rows
        return mcnemar(
            [
                [int((first & second).sum()), int((first & ~second).sum())],
                [int((~first & second).sum()), int((~first & ~second).sum())],
            ],
            exact=True,
        )

    return Calls(
        sensitivity=share("sensitivity", yes),
        specificity=share("specificity", no),
        on_events=paired(yes),
        on_others=paired(no),
        changed_right=int((right[0] & ~right[1]).sum()),
        changed_wrong=int((~right[0] & right[1]).sum()),
    )


def _together(
    called: Bool[np.ndarray, "reader case"], level: float
) -> tuple[Kappa, tuple[Kappa, ...]]:
    """Fleiss' kappa of all readers, and Cohen's of each pair."""
    yes = called.sum(axis=0)
    counts = np.column_stack([called.shape[0] - yes, yes])
    pairs = tuple(
        cohen_kappa(_square(called[a], called[b]), level=level)
        for a in range(called.shape[0])
        for b in range(a + 1, called.shape[0])
    )
    return fleiss_kappa(counts, level=level), pairs


def _square(
    first: Bool[np.ndarray, " case"], second: Bool[np.ndarray, " case"]
) -> Float[np.ndarray, "label label"]:
    """Table of two calls, with both labels even where one was never used."""
    table: Float[np.ndarray, "label label"] = np.array(
        [[((first == a) & (second == b)).sum() for b in (False, True)] for a in (False, True)],
        dtype=np.float64,
    )
    return table
