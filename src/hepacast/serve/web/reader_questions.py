# SPDX-License-Identifier: Apache-2.0
"""What readers can be asked: end points that come or not, and the model they may see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.serve.web.thresholds import label_at

if TYPE_CHECKING:
    from hepacast.report.content import OutcomeReport, ReportContent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderQuestion:
    """One end point, one model, and the cases for which both are known.

    Parameters
    ----------
    outcome, model : str
        As in the study file.
    words : str
        The end point as printed, with its horizon.
    happened : dict of case to bool
        Whether the event came (by the horizon); cases censored before it are left out.
    probability : dict of case to float
        Out-of-fold probability of the model, 0 to 1; higher is worse.
    """

    outcome: str
    model: str
    words: str
    happened: dict[str, bool]
    probability: dict[str, float]


def reader_questions(content: ReportContent | None) -> list[ReaderQuestion]:
    """List what readers can be asked, in the order of the report.

    Parameters
    ----------
    content : ReportContent or None
        What a run found; None before there is anything.

    Returns
    -------
    list of ReaderQuestion
        Binary end points, and survival at its horizon.  Competing risks are left out: the
        result does not tell a competing event before the horizon from censoring.

    Examples
    --------
    >>> from hepacast.report.content import (
    ...     CaseScore, Evaluation, Model, OutcomeReport, ReportContent, Study)
    >>> case = CaseScore(case="a", probability=0.8, event=True)
    >>> seen = Evaluation(cohort="all", scope="out-of-fold", n=1, events=1, cases=(case,))
    >>> model = Model(name="rad", evaluations=(seen,))
    >>> outcome = OutcomeReport(name="er", kind="binary", models=(model,))
    >>> content = ReportContent(study=Study(name="s"), outcomes=(outcome,))
    >>> [(one.words, one.model, one.happened) for one in reader_questions(content)]
    [('Er', 'rad', {'a': True})]
    """
    outcomes = content.outcomes if content else ()
    asked = [
        one
        for one in outcomes
        if one.kind == "binary" or (one.kind == "survival" and one.horizon_months is not None)
    ]
    found = [_question(outcome, model) for outcome in asked for model in range(len(outcome.models))]
    return [one for one in found if one.happened]


def _question(outcome: OutcomeReport, at: int) -> ReaderQuestion:
    """Collect what one model said of cases that it had not seen."""
    model = outcome.models[at]
    seen = model.evaluation("out-of-fold")
    happened: dict[str, bool] = {}
    probability: dict[str, float] = {}
    for one in seen.cases if seen else ():
        label = label_at(one, outcome.horizon_months)
        p = one.probability
        if label is not None and p is not None and math.isfinite(p) and one.case not in happened:
            happened[one.case], probability[one.case] = label, p
    horizon = outcome.horizon_months
    by = f" within {horizon:g} months" if outcome.kind == "survival" and horizon else ""
    return ReaderQuestion(
        outcome=outcome.name,
        model=model.name,
        words=outcome.heading + by,
        happened=happened,
        probability=probability,
    )
