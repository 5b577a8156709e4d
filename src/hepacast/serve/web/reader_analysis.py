# SPDX-License-Identifier: Apache-2.0
"""What readers gained from a model: each reader, all of them together, and how they agree."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.serve.web.reader import STAGES
from hepacast.stats.reader_gains import Reads, reader_gains
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.serve.web.reader import Reader
    from hepacast.serve.web.reader_questions import ReaderQuestion
    from hepacast.stats.estimate import Comparison, Estimate
    from hepacast.stats.reader_calls import Calls
    from hepacast.stats.readers import ReaderStudy

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
    The readers' probabilities give the AUC, their calls everything else: see
    :func:`~hepacast.stats.reader_gains.reader_gains`.
    """
    mine = [
        one for one in readers if (one.outcome, one.model) == (question.outcome, question.model)
    ]
    done = [one for one in mine if one.next() is None]
    cases = [case for case in question.happened if done and all(case in one.cases for one in done)]
    event = np.array([question.happened[case] for case in cases], dtype=np.bool_)
    gains = reader_gains(
        Reads(
            readers=tuple(one.name for one in done),
            event=event,
            scores=_table(done, cases, "percent"),
            calls=_table(done, cases, "call"),
        )
    )
    model_auc, missing = _auc_of_model(question, cases, event) if done else (None, ())
    return ReaderAnalysis(
        outcome=question.outcome,
        model=question.model,
        words=question.words,
        cases=len(cases),
        events=int(event.sum()),
        unfinished=tuple(one.name for one in mine if one.next() is not None),
        model_auc=model_auc,
        readers=tuple(
            ReaderResult(
                name=gain.name,
                seconds=_seconds(one, cases),
                auc=gain.auc,
                auc_gain=gain.auc_gain,
                calls=gain.calls,
            )
            for one, gain in zip(done, gains.readers, strict=True)
        ),
        together=gains.together,
        agreement=tuple(
            Agreement(stage=stage, sentences=sentences)
            for stage, sentences in zip(_CONDITIONS, gains.agreement, strict=False)
        ),
        missing=(*missing, *gains.missing),
    )


def _auc_of_model(
    question: ReaderQuestion, cases: Sequence[str], event: np.ndarray
) -> tuple[Estimate | None, tuple[str, ...]]:
    """Estimate the AUC of the model itself, or say why not."""
    scores = np.array([question.probability[case] for case in cases])
    try:
        return auc(scores, event), ()
    except NotEstimableError as error:
        return None, (f"AUC of the model: {error}",)


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
