# SPDX-License-Identifier: Apache-2.0
"""What readers gained from a model: each reader, all of them together, and how they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hepacast.core.errors import NotEstimableError
from hepacast.stats.reader_calls import one_reader_calls, reader_calls
from hepacast.stats.readers import reader_study
from hepacast.stats.roc import auc, compare_auc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from jaxtyping import Bool, Float

    from hepacast.stats.estimate import Comparison, Estimate
    from hepacast.stats.reader_calls import Calls
    from hepacast.stats.readers import Merit, ReaderStudy

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reads:
    """What several readers said about the same cases, with a model and alone.

    Parameters
    ----------
    readers : tuple of str
        Their names.
    event : (case,) bool
        True where the event happened.
    scores : (2, reader, case) float, optional
        With the model, then alone; higher means the event is more likely.
    calls : (2, reader, case) float, optional
        With the model, then alone; 1 where the reader expected the event.
    """

    readers: tuple[str, ...]
    event: Bool[np.ndarray, " case"]
    scores: Float[np.ndarray, "two reader case"] | None = None
    calls: Float[np.ndarray, "two reader case"] | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReaderGain:
    """One reader, with the model and alone, in this order.

    Parameters
    ----------
    name : str
        Of the reader.
    auc : tuple of Estimate or None
        Of the scores, with DeLong's interval.
    auc_gain : Comparison or None
        With the model minus alone, paired DeLong.
    calls : Calls or None
        Sensitivity, specificity and McNemar's tests.
    """

    name: str
    auc: tuple[Estimate, Estimate] | None
    auc_gain: Comparison | None
    calls: Calls | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReaderGains:
    """All readers of a study.

    Parameters
    ----------
    readers : tuple of ReaderGain
        In the order given.
    together : tuple of ReaderStudy
        Multiple readers and multiple cases: AUC, sensitivity, specificity.
    agreement : tuple of tuple of str
        With the model, then alone: Fleiss' kappa of all readers, then Cohen's of each pair.
    missing : tuple of str
        What could not be estimated, and why.
    """

    readers: tuple[ReaderGain, ...]
    together: tuple[ReaderStudy, ...]
    agreement: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]


def reader_gains(reads: Reads) -> ReaderGains:
    """Compare readers with a model and alone: one by one, all together, and with one another.

    Parameters
    ----------
    reads : Reads
        Scores, calls, or both.

    Returns
    -------
    ReaderGains
        What cannot be estimated is left out, and named.

    Notes
    -----
    Scores give the AUC, calls everything else.  Sources: see
    :func:`~hepacast.stats.readers.reader_study` and
    :func:`~hepacast.stats.reader_calls.reader_calls`.

    Examples
    --------
    >>> import numpy as np
    >>> rng, event = np.random.default_rng(0), np.arange(60) < 24
    >>> wrong = rng.random((2, 2, 60)) < np.array([0.15, 0.35])[:, None, None]
    >>> reads = Reads(readers=("a", "b"), event=event, calls=(event ^ wrong).astype(float))
    >>> found = reader_gains(reads)
    >>> [one.merit for one in found.together], found.readers[0].calls.changed_right
    (['sensitivity', 'specificity'], 17)
    """
    asking = _Asking([])
    readers = tuple(_one(reads, at, asking) for at in range(len(reads.readers)))
    several = len(readers) > 1
    together = [_together(reads, merit, asking) for merit in _merits(reads) if several]
    return ReaderGains(
        readers=readers,
        together=tuple(one for one in together if one is not None),
        agreement=_agreement(reads, asking) if several else (),
        missing=tuple(asking.missing),
    )


@dataclass(slots=True)
class _Asking:
    """Estimates that are there, and the reasons for those that are not."""

    missing: list[str]

    def get(self, what: str, estimate: Callable[[], T]) -> T | None:
        try:
            return estimate()
        except NotEstimableError as error:
            self.missing.append(f"{what}: {error}")
            return None


def _merits(reads: Reads) -> Sequence[Merit]:
    """List what can be compared."""
    found: list[Merit] = [] if reads.scores is None else ["AUC"]
    return [*found, "sensitivity", "specificity"] if reads.calls is not None else found


def _together(reads: Reads, merit: Merit, asking: _Asking) -> ReaderStudy | None:
    """Compare the conditions over all readers and cases."""
    rows = reads.scores if merit == "AUC" else reads.calls
    if rows is None:
        return None
    return asking.get(f"{merit} of all readers", lambda: reader_study(rows, reads.event, merit))


def _one(reads: Reads, at: int, asking: _Asking) -> ReaderGain:
    """Estimate what one reader gained."""
    name, event = reads.readers[at], reads.event
    areas = gain = called = None
    if reads.scores is not None:
        first, second = reads.scores[:, at]
        areas = asking.get(f"AUC of {name}", lambda: (auc(first, event), auc(second, event)))
        gain = None if areas is None else compare_auc(first, second, event)
    if reads.calls is not None:
        calls = reads.calls[:, at]
        called = asking.get(f"Calls of {name}", lambda: one_reader_calls(calls, event))
    return ReaderGain(name=name, auc=areas, auc_gain=gain, calls=called)


def _agreement(reads: Reads, asking: _Asking) -> tuple[tuple[str, ...], ...]:
    """Write kappa of all readers, and of each pair."""
    calls = reads.calls
    if calls is None:
        return ()
    found = asking.get("Kappa between readers", lambda: reader_calls(calls, reads.event))
    if found is None:
        return ()
    names = reads.readers
    pairs = [f"{a} and {b}" for at, a in enumerate(names) for b in names[at + 1 :]]
    return tuple(
        (
            f"All readers: {every.sentence()}",
            *(f"{pair}: {kappa.sentence()}" for pair, kappa in zip(pairs, each, strict=True)),
        )
        for every, each in zip(found.agreement, found.pairs, strict=True)
    )
