# SPDX-License-Identifier: Apache-2.0
"""How the numbers came about: cohorts side by side, the order of papers, controls, certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Block, Details, Heading, Section, Table, Text
from hepacast.report.sheets import Cell, Column, Sheet
from hepacast.report.wording import SCOPES, slug

if TYPE_CHECKING:
    from hepacast.report.content import Model, OutcomeReport, ReportContent

OPTIMISTIC = "Optimistic: learned on patients that it scores."
"""Stamp of every result that does not come from the strict order."""


def cohorts(outcome: OutcomeReport) -> Sheet:
    """Tabulate every model on every cohort: one line per model, one column per cohort.

    The apparent value, the corrected one and those on unseen patients stand side by side.
    """
    seen = [(one.scope, one.cohort) for model in outcome.models for one in model.evaluations]
    order = ("apparent", "corrected", "out-of-fold", "internal", "external")
    places = sorted(dict.fromkeys(seen), key=lambda place: order.index(place[0]))
    names = [f"{SCOPES[scope]}: {cohort}" for scope, cohort in places]
    rows = []
    for model in outcome.models:
        cells: list[Cell] = [_value(model, place) for place in places]
        rows.append((model.name, model.role, *cells))
    measures = {one.measure for model in outcome.models for one in model.evaluations}
    return Sheet(
        f"{slug(outcome.name)}-cohorts",
        f"Every model on every cohort: {', '.join(sorted(measures))}",
        tuple(map(Column, ("Model", "Role", *names))),
        tuple(rows),
        "Estimates with 95 % intervals. Apparent values are of the cases learned from.",
    )


def _value(model: Model, place: tuple[str, str]) -> Cell:
    """Return what a model reaches on one cohort."""
    found = (one for one in model.evaluations if (one.scope, one.cohort) == place)
    seen = next(found, None)
    return None if seen is None else seen.discrimination


def both_orders(outcome: OutcomeReport) -> list[Block]:
    """Set the usual order of papers beside the strict one; nothing where it was not run."""
    if not outcome.published:
        return []
    rows = tuple(
        (one.model, one.cohort, one.strict, one.optimistic, one.optimism, one.printed)
        for one in outcome.published
    )
    labels = ("Model", "Cohort", "Strict", "As published (optimistic)", "Optimism")
    columns = (*map(Column, labels), Column("Printed in the paper", 3))
    measure = outcome.published[0].measure
    sheet = Sheet(
        f"{slug(outcome.name)}-as-published",
        f"The order of the paper beside the strict one: {measure}",
        columns,
        rows,
        f"As published: selection saw everybody. {OPTIMISTIC} The strict result is the one to "
        "report.",
    )
    blocks: list[Block] = [Text(OPTIMISTIC), Table(sheet)]
    return [*blocks, Text(outcome.winner)] if outcome.winner else blocks


def seeds(outcome: OutcomeReport) -> Sheet:
    """Tabulate what single divisions of the development cohort reach, one per seed."""
    rows = []
    for one in outcome.seeds:
        known = [value for value in one.values if value is not None]
        least, most = (min(known), max(known)) if known else (None, None)
        rows.append((one.model, one.measure, len(known), one.mean, one.low, one.high, least, most))
    labels = ("Model", "Measure", "Seeds", "Mean", "2.5 %", "97.5 %", "Least", "Most")
    note = "A single division shows any of these; choosing one that looks best shows nothing."
    title = "One division per seed"
    columns = tuple(map(Column, labels))
    return Sheet(f"{slug(outcome.name)}-seeds", title, columns, tuple(rows), note)


def controls(outcome: OutcomeReport) -> Sheet:
    """Tabulate the controls and their verdicts."""
    rows = tuple(
        (
            one.name,
            one.model,
            one.measure,
            len(one.values) or None,
            one.value,
            one.observed,
            one.expected,
            one.verdict,
            one.sentence,
        )
        for one in outcome.controls
    )
    labels = ("Control", "Model", "Measure", "Runs", "Mean", "Observed", "Expected", "Verdict")
    columns = (*map(Column, labels), Column("In words"))
    title = f"Controls of {outcome.phrase}"
    return Sheet(f"{slug(outcome.name)}-controls", title, columns, rows)


def openings(content: ReportContent) -> Sheet:
    """Tabulate how often every test cohort was looked at."""
    rows = tuple((one.cohort, one.n, one.opened) for one in content.openings)
    columns = tuple(map(Column, ("Test cohort", "Patients", "Times opened")))
    note = "Once is honest. Every further opening with other settings makes the result optimistic."
    return Sheet("openings", "Test cohorts, and how often they were opened", columns, rows, note)


def fits(content: ReportContent) -> Sheet:
    """Tabulate, for every fit, whom it saw, whom it scored, and what was fitted."""
    rows = tuple(
        (outcome.name, fit.name, fit.seen, fit.scored, fit.both, fit.objects)
        for outcome in content.outcomes
        for fit in outcome.certificate
    )
    labels = ("Outcome", "Fit", "Patients seen", "Patients scored", "Seen and scored", "Fitted")
    note = (
        "Counted when predictions came in; a run with anything but 0 stops with an error. The "
        "lock file names the patients of every fold."
    )
    columns = tuple(map(Column, labels))
    return Sheet("certificate", "Who learned from whom", columns, rows, note)


def certificate(content: ReportContent) -> Section | None:
    """Make the leakage certificate: which object saw which patients, and every control."""
    if not any(outcome.certificate for outcome in content.outcomes):
        return None
    blocks: list[Block] = [Text(_verdict(content))]
    if content.openings:
        blocks.append(Table(openings(content)))
    for outcome in content.outcomes:
        if outcome.controls:
            here = f"certificate-{slug(outcome.name)}"
            blocks += [Heading(outcome.heading, here), Table(controls(outcome))]
    sheet = fits(content)
    blocks.append(Details(f"All {len(sheet.rows)} fits", (Table(sheet),)))
    return Section("certificate", "Leakage certificate", tuple(blocks))


def _verdict(content: ReportContent) -> str:
    """Say in two sentences what the certificate shows."""
    every = [fit for outcome in content.outcomes for fit in outcome.certificate]
    both = sum(fit.both for fit in every)
    failed = [one for outcome in content.outcomes for one in outcome.controls]
    bad = [one for one in failed if one.verdict == "failed"]
    judged = [one for one in failed if one.verdict != "to be judged"]
    text = f"{both} patients were seen and scored by the same fit, in {len(every)} fits."
    if judged:
        text += f" {len(judged) - len(bad)} of {len(judged)} controls passed."
    again = [one for one in content.openings if one.opened > 1]
    for one in again:
        text += f" Test cohort {one.cohort} was opened {one.opened} times."
    if content.study.protocol == "as-published":
        text += f" Results in the order of the paper stand apart. {OPTIMISTIC}"
    return text
