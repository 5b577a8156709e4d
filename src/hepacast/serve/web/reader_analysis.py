# SPDX-License-Identifier: Apache-2.0
"""What readers gained from a model: each reader, all of them together, and how they agree."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.serve.web.reader import STAGES
from hepacast.stats.reader_calls import one_reader_calls, reader_calls
from hepacast.stats.readers import reader_study
from hepacast.stats.roc import auc, compare_auc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hepacast.serve.web.reader import Reader
    from hepacast.serve.web.reader_questions import ReaderQuestion
    from hepacast.stats.estimate import Comparison, Estimate
    from hepacast.stats.reader_calls import Calls
    from hepacast.stats.readers import Merit, ReaderStudy

T = TypeVar("T")
MERITS: tuple[Merit, ...] = ("AUC", "sensitivity", "specificity")
_CONDITIONS = STAGES[::-1]
"""With the model first: differences are the gain by the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderResult:
    """One reader, with the model and alone, in this order.

    Parameters
    ----------
    name : str
        As typed.
    seconds : tuple of float
        Median time of an answer.
    auc : tuple of Estimate or None
        Of the probabilities, with DeLong's interval.
    auc_gain : Comparison or None
        With the model minus alone, paired DeLong.
    calls : Calls or None
        Sensitivity, specificity and McNemar's tests.
    """

    name: str
    seconds: tuple[float, float]
    auc: tuple[Estimate, Estimate] | None
    auc_gain: Comparison | None
    calls: Calls | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Kappa between readers in one stage.

    Parameters
    ----------
    stage : str
        With the model, or alone.
    sentences : tuple of str
        Fleiss' kappa of all readers, then Cohen's of each pair.
    """

    stage: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderAnalysis:
    """A reader study.

    Parameters
    ----------
    outcome, model, words : str
        What was forecast and by which model, and the end point as printed.
    cases, events : int
        Cases that every reader answered twice, and events among them.
    unfinished : tuple of str
        Readers who are left out because they have not answered everything.
    model_auc : Estimate or None
        Of the model itself on these cases.
    readers : tuple of ReaderResult
        By name.
    together : tuple of ReaderStudy
        Multiple readers and multiple cases: AUC, sensitivity, specificity.
    agreement : tuple of Agreement
        With the model, and alone.
    missing : tuple of str
        What could not be estimated, and why.
    """

    outcome: str
    model: str
    words: str
    cases: int
    events: int
    unfinished: tuple[str, ...]
    model_auc: Estimate | None
    readers: tuple[ReaderResult, ...]
    together: tuple[ReaderStudy, ...]
    agreement: tuple[Agreement, ...]
    missing: tuple[str, ...]


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


def analyse_readers(question: ReaderQuestion, readers: Sequence[Reader]) -> ReaderAnalysis:
    """Analyse the readers of one question who have answered everything.

    Parameters
    ----------
    question : ReaderQuestion
        End point, model, and what happened.
    readers : sequence of Reader
        Those of other questions are passed over.

    Returns
    -------
    ReaderAnalysis
        On the cases that all of them answered in both stages and whose outcome is known.
        Conditions are with the model, then alone; differences are with minus alone.

    Notes
    -----
    The readers' probabilities give the AUC, their calls everything else.  Sources: see
    :func:`~hepacast.stats.readers.reader_study` and
    :func:`~hepacast.stats.reader_calls.reader_calls`.
    """
    mine = [
        one for one in readers if (one.outcome, one.model) == (question.outcome, question.model)
    ]
    done = [one for one in mine if one.next() is None]
    cases = [case for case in question.happened if done and all(case in one.cases for one in done)]
    event = np.array([question.happened[case] for case in cases], dtype=np.bool_)
    asking = _Asking([])
    percent = _table(done, cases, "percent")
    calls = _table(done, cases, "call")
    scores = np.array([question.probability[case] for case in cases])
    several = len(done) > 1
    studies = [_together(merit, percent, calls, event, asking) for merit in MERITS if several]
    return ReaderAnalysis(
        outcome=question.outcome,
        model=question.model,
        words=question.words,
        cases=len(cases),
        events=int(event.sum()),
        unfinished=tuple(one.name for one in mine if one.next() is not None),
        model_auc=asking.get("AUC of the model", lambda: auc(scores, event)) if done else None,
        readers=tuple(
            _one(one.name, percent[:, at], calls[:, at], _seconds(one, cases), event, asking)
            for at, one in enumerate(done)
        ),
        together=tuple(one for one in studies if one is not None),
        agreement=_agreement(done, calls, event, asking) if several else (),
        missing=tuple(asking.missing),
    )


def _together(
    merit: Merit, percent: np.ndarray, calls: np.ndarray, event: np.ndarray, asking: _Asking
) -> ReaderStudy | None:
    """Compare the stages over all readers and cases."""
    reads = percent if merit == "AUC" else calls
    return asking.get(f"{merit} of all readers", lambda: reader_study(reads, event, merit))


def _table(readers: Sequence[Reader], cases: Sequence[str], name: str) -> np.ndarray:
    """Lay answers out as (condition, reader, case)."""
    rows = [
        [[float(getattr(held[case], name)) for case in cases] for held in map_of]
        for map_of in ([one.of(stage) for one in readers] for stage in _CONDITIONS)
    ]
    return np.array(rows, dtype=np.float64).reshape(len(_CONDITIONS), len(readers), len(cases))


def _seconds(reader: Reader, cases: Sequence[str]) -> tuple[float, float]:
    """Return the median time with the model, and alone."""
    first, second = (
        float(np.median([reader.of(stage)[case].seconds for case in cases])) if cases else math.nan
        for stage in _CONDITIONS
    )
    return first, second


def _one(
    name: str,
    percent: np.ndarray,
    calls: np.ndarray,
    seconds: tuple[float, float],
    event: np.ndarray,
    asking: _Asking,
) -> ReaderResult:
    """Estimate what one reader gained."""
    areas = asking.get(f"AUC of {name}", lambda: (auc(percent[0], event), auc(percent[1], event)))
    gain = None if areas is None else compare_auc(percent[0], percent[1], event)
    called = asking.get(f"Calls of {name}", lambda: one_reader_calls(calls, event))
    return ReaderResult(name=name, seconds=seconds, auc=areas, auc_gain=gain, calls=called)


def _agreement(
    readers: Sequence[Reader], calls: np.ndarray, event: np.ndarray, asking: _Asking
) -> tuple[Agreement, ...]:
    """Write kappa of all readers, and of each pair."""
    found = asking.get("Kappa between readers", lambda: reader_calls(calls, event))
    if found is None:
        return ()
    names = [one.name for one in readers]
    pairs = [f"{a} and {b}" for at, a in enumerate(names) for b in names[at + 1 :]]
    return tuple(
        Agreement(
            stage=stage,
            sentences=(
                f"All readers: {found.agreement[at].sentence()}",
                *(
                    f"{pair}: {kappa.sentence()}"
                    for pair, kappa in zip(pairs, found.pairs[at], strict=True)
                ),
            ),
        )
        for at, stage in enumerate(_CONDITIONS)
    )


def analyses_of(
    questions: Sequence[ReaderQuestion], readers: Sequence[Reader]
) -> list[ReaderAnalysis]:
    """Analyse every question that somebody has started to answer."""
    asked = {(one.outcome, one.model) for one in readers}
    return [analyse_readers(one, readers) for one in questions if (one.outcome, one.model) in asked]


def as_json(value: Any) -> Any:  # noqa: ANN401 - whatever an analysis holds
    """Turn an analysis into what JSON can hold; numbers that do not exist become null.

    Examples
    --------
    >>> as_json({"p": float("nan"), "reads": np.array([0.5, 1.0])})
    {'p': None, 'reads': [0.5, 1.0]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_json(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [as_json(one) for one in value]
    if isinstance(value, np.generic):
        return as_json(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
