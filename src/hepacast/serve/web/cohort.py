# SPDX-License-Identifier: Apache-2.0
"""The table of all patients: who is in, who left and why, and what the models say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.report.content import CaseScore, OutcomeReport, ReportContent

PAGE = 50
"""Rows of one page."""
State = Literal["scored", "measured", "excluded", "failed"]
STATES: tuple[State, ...] = ("scored", "measured", "excluded", "failed")


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One patient.

    Parameters
    ----------
    case : str
        Id, as in the case table.
    state : {"scored", "measured", "excluded", "failed"}
        How far the patient came.
    reason : str
        Why the patient left, or what failed; empty otherwise.
    happened : mapping of outcome to CaseScore
        What happened, by outcome.
    probability : mapping of (outcome, model) to float
        Probability by a model that had not seen the patient; the score where a model
        gives no probability.  Higher is worse.
    """

    case: str
    state: State
    reason: str = ""
    happened: dict[str, CaseScore] = field(default_factory=dict)
    probability: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What the table is asked for.

    Parameters
    ----------
    q : str
        Rows whose id or reason holds this, whatever its case.
    state : str
        One of :data:`STATES`; empty for all.
    outcome : str
        End point whose models are shown.
    sort : str
        ``case``, ``state``, ``event``, ``time`` or the name of a model after ``model:``.
    down : bool
        Largest first.
    page : int
        From 1.
    """

    q: str = ""
    state: str = ""
    outcome: str = ""
    sort: str = "case"
    down: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of the table.

    Parameters
    ----------
    rows : tuple of CohortRow
        Of this page.
    found, pages, page : int
        Rows that fit the question, their pages, and which one this is.
    """

    rows: tuple[CohortRow, ...]
    found: int
    pages: int
    page: int


def cohort_rows(content: ReportContent) -> tuple[CohortRow, ...]:
    """List everybody whom a report knows, in the order of the report.

    Parameters
    ----------
    content : ReportContent
        What a run found.

    Examples
    --------
    >>> from hepacast.report.content import Exclusion, FlowStep, ReportContent, Study
    >>> out = Exclusion(reason="no arterial phase", n=1, cases=("007",))
    >>> step = FlowStep(label="All", n_before=1, exclusions=(out,), n_after=0)
    >>> content = ReportContent(study=Study(name="s"), flow=(step,))
    >>> [(row.case, row.state, row.reason) for row in cohort_rows(content)]
    [('007', 'excluded', 'no arterial phase')]
    """
    found: dict[str, CohortRow] = {}
    for outcome in content.outcomes:
        _add_scores(outcome, found)
    for facts in content.case_facts:
        found.setdefault(facts.case, CohortRow(facts.case, "measured"))
    for case, reason in _left(content):
        if case not in found or found[case].state == "measured":
            found[case] = CohortRow(case, "excluded", reason)
    for failure in content.failures:
        before = found.get(failure.case)
        if failure.case and (before is None or before.state != "scored"):
            reason = f"{failure.stage}: {failure.expected}; found {failure.found}"
            found[failure.case] = CohortRow(failure.case, "failed", reason)
    return tuple(found.values())


def _left(content: ReportContent) -> list[tuple[str, str]]:
    """List who left, and why: before the models, and from single end points."""
    early = [one for step in content.flow for one in step.exclusions]
    late = [
        (one, f"{outcome.heading}: ") for outcome in content.outcomes for one in outcome.exclusions
    ]
    pairs = [(one, "") for one in early] + late
    return [(case, f"{where}{one.reason}") for one, where in pairs for case in one.cases]


def _add_scores(outcome: OutcomeReport, found: dict[str, CohortRow]) -> None:
    """Add what the models of an outcome say of patients whom they had not seen."""
    for model in outcome.models:
        for seen in model.evaluations:
            if seen.scope == "apparent":
                continue
            for one in seen.cases:
                row = found.setdefault(one.case, CohortRow(one.case, "scored"))
                row.happened.setdefault(outcome.name, one)
                value = one.score if one.probability is None else one.probability
                if value is not None:
                    row.probability.setdefault((outcome.name, model.name), value)


def ask(rows: Sequence[CohortRow], question: Question) -> Answer:
    """Filter, sort and cut the table.

    Parameters
    ----------
    rows : sequence of CohortRow
        All of them.
    question : Question
        Ties keep the order of the report; rows without a value come last both ways.

    Examples
    --------
    >>> rows = [CohortRow("b", "scored"), CohortRow("a", "failed", "no mask")]
    >>> [row.case for row in ask(rows, Question()).rows]
    ['a', 'b']
    >>> ask(rows, Question(q="MASK")).found
    1
    """
    word = question.q.casefold()
    kept = [
        row
        for row in rows
        if (not question.state or row.state == question.state)
        and (not word or word in row.case.casefold() or word in row.reason.casefold())
    ]
    keyed = [(_key(row, question), row) for row in kept]
    there = [pair for pair in keyed if pair[0] is not None]
    there.sort(key=lambda pair: pair[0] or (0.0, ""), reverse=question.down)
    ordered = [row for _, row in there] + [row for key, row in keyed if key is None]
    pages = max(1, -(-len(ordered) // PAGE))
    page = min(max(1, question.page), pages)
    return Answer(tuple(ordered[(page - 1) * PAGE : page * PAGE]), len(ordered), pages, page)


def _key(row: CohortRow, question: Question) -> tuple[float, str] | None:
    """Return what a row is sorted by; None where it has no such value."""
    if question.sort.startswith("model:"):
        value = row.probability.get((question.outcome, question.sort.removeprefix("model:")))
        return None if value is None else (value, "")
    if question.sort == "state":
        return (float(STATES.index(row.state)), "")
    if question.sort in {"event", "time"}:
        one = row.happened.get(question.outcome)
        known = (
            None if one is None else (one.event if question.sort == "event" else one.time_months)
        )
        return None if known is None else (float(known), "")
    return (0.0, row.case)
