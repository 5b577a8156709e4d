# SPDX-License-Identifier: Apache-2.0
"""The page of one case: pictures, forecasts, position, what moves them, whom it resembles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.report.blocks import Block, Callout, Facts, Links, Section, Table, figures
from hepacast.report.figures.pick import OUT_OF_FOLD
from hepacast.report.figures.position import draw_contributions, draw_position
from hepacast.report.sections.quality import quality
from hepacast.report.sheets import Cell, Column, Sheet
from hepacast.report.wording import percent, slug

if TYPE_CHECKING:
    from hepacast.report.content import CaseScore, OutcomeReport, ReportContent


def case_sections(content: ReportContent, case: str) -> tuple[Section, ...]:
    """Make the sections of the page of one case.

    Parameters
    ----------
    content : ReportContent
        What a run found.
    case : str
        Case id.
    """
    parts = [_summary(content, case), *(_outcome(content, one, case) for one in content.outcomes)]
    parts += [quality(content, case), _trouble(content, case)]
    return tuple(one for one in parts if one is not None)


def _summary(content: ReportContent, case: str) -> Section:
    """Say what it is for and what is known of the case."""
    blocks: list[Block] = []
    if content.study.synthetic:
        blocks.append(Callout("danger", "Synthetic patient", "Made by a computer."))
    text = (
        "Research only. Every forecast below was made by models that had not seen this case; it "
        "describes groups of cases and must not decide on a patient."
    )
    blocks.append(Callout("note", "How to read this page", text))
    known = next((one for one in content.case_facts if one.case == case), None)
    blocks.append(Facts((("Case", case), *(known.facts.items() if known else ()))))
    if known is not None and known.page:
        back = "../" * known.page.count("/") + "report.html"
        blocks.append(Links("Beside this page", (("Report of the study", back),)))
    return Section("case", "Case", tuple(blocks))


def _outcome(content: ReportContent, outcome: OutcomeReport, case: str) -> Section | None:
    """Show the forecasts of one outcome; None where no model scored the case."""
    sheet = forecasts(outcome, case)
    if not sheet.rows:
        return None
    values = next((one.values for one in content.case_facts if one.case == case), {})
    blocks: list[Block] = [Table(sheet)]
    blocks += figures(draw_position(outcome, case))
    blocks += figures(*(draw_contributions(model, case, values) for model in outcome.models))
    alike = similar(outcome, case)
    if alike.rows:
        blocks.append(Table(alike))
    return Section(f"outcome-{slug(outcome.name)}", outcome.heading, tuple(blocks))


def _scores(outcome: OutcomeReport) -> dict[str, dict[str, CaseScore]]:
    """Return the out-of-fold cases of every model, by model and by case."""
    pairs = [(model.name, OUT_OF_FOLD.of(model)) for model in outcome.models]
    return {name: {one.case: one for one in seen.cases} for name, seen in pairs if seen is not None}


def forecasts(outcome: OutcomeReport, case: str) -> Sheet:
    """Tabulate what every model said about a case, and where that lies in the cohort."""
    rows: list[tuple[Cell, ...]] = []
    for name, cases in _scores(outcome).items():
        one = cases.get(case)
        if one is None or one.score is None:
            continue
        others = [other.score for other in cases.values() if other.score is not None]
        lower = sum(score < one.score for score in others) / max(len(others) - 1, 1)
        place = f"higher than {percent(lower)} of the others"
        rows.append(
            (name, one.score, one.probability, place, one.group, one.event, one.time_months)
        )
    labels = ("Model", "Score", "Probability", "Position", "Risk group", "Event", "Months")
    columns = tuple(Column(label, 3) for label in labels)
    name = f"{slug(case)}-{slug(outcome.name)}-forecasts"
    return Sheet(name, "Forecasts, out of fold", columns, tuple(rows)).without_empty()


def similar(outcome: OutcomeReport, case: str, most: int = 5) -> Sheet:
    """Tabulate the cases whose scores by all models are closest to those of a case.

    Scores are divided by their standard deviation; the distance is Euclidean.
    """
    tables = [cases for cases in _scores(outcome).values() if case in cases]
    shared = [one for one in (tables[0] if tables else {}) if all(one in cases for cases in tables)]
    score = np.array([[cases[one].score for one in shared] for cases in tables], float)
    columns = (Column("Case"), Column("Distance"), Column("Event"), Column("Months", 1))
    name = f"{slug(case)}-{slug(outcome.name)}-similar"
    empty = Sheet(name, "Cases with like scores", columns, ())
    if not tables or len(shared) < 2 or not np.isfinite(score).all():
        return empty
    spread = score.std(axis=1, keepdims=True)
    scaled = score / np.where(spread > 0, spread, 1.0)
    distance = np.sqrt(((scaled - scaled[:, [shared.index(case)]]) ** 2).sum(axis=0))
    order = [at for at in np.argsort(distance, kind="stable") if shared[at] != case][:most]
    facts = [tables[0][shared[at]] for at in order]
    rows = tuple(
        (one.case, float(distance[at]), one.event, one.time_months)
        for at, one in zip(order, facts, strict=True)
    )
    note = "Alike in the eyes of the models; their images may look different."
    return Sheet(name, "Cases with like scores", columns, rows, note)


def _trouble(content: ReportContent, case: str) -> Section | None:
    """List the failures of the case."""
    rows = tuple(
        (one.stage, one.file, one.expected, one.found, one.fix)
        for one in content.failures
        if one.case == case
    )
    columns = tuple(map(Column, ("Stage", "File", "Expected", "Found", "What to do")))
    sheet = Sheet(f"{slug(case)}-failures", "Failures", columns, rows)
    return Section("trouble", "Failures", (Table(sheet),)) if rows else None
