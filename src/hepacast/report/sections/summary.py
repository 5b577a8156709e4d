# SPDX-License-Identifier: Apache-2.0
"""The first page: what was found, and every reason to doubt it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Block, Callout, Facts, Section, Table, figures
from hepacast.report.figures.forest import draw_all_models
from hepacast.report.sheets import Cell, Column, Sheet
from hepacast.report.wording import SCOPES, moment, number, slug

if TYPE_CHECKING:
    from hepacast.report.content import Model, OutcomeReport, Permutation, ReportContent

_SUSPICIOUS = 0.55
"""Mean of a chance-only AUC or C above which something leaks."""


def summary(content: ReportContent) -> Section:
    """Make the first section: warnings, facts, every model at a glance."""
    blocks: list[Block] = [*warnings(content), Facts(_facts(content))]
    if content.outcomes:
        blocks.append(Table(glance(content)))
    for outcome in content.outcomes:
        blocks += figures(*draw_all_models(outcome))
    return Section("summary", "Summary", tuple(blocks))


def warnings(content: ReportContent) -> list[Callout]:
    """List what a reader has to know before any number."""
    found = []
    if content.study.synthetic:
        found.append(
            Callout(
                "danger",
                "Synthetic patients",
                "This cohort is a phantom made by a computer. Nothing here says anything about "
                "real patients.",
            )
        )
    if content.study.protocol == "as-published":
        found.append(
            Callout(
                "danger",
                "Optimistic: learned on patients that it scores",
                "Beside the strict results stand those of the usual order of papers, leaks "
                "included, under As published. Only the strict ones count.",
            )
        )
    for one in content.openings:
        if one.opened > 1:
            text = (
                f"Test cohort {one.cohort} was opened {one.opened} times with different settings: "
                "its results are optimistic."
            )
            found.append(Callout("danger", "A test cohort was opened again", text))
    for outcome in content.outcomes:
        found += [_leak(outcome, one) for one in outcome.permutations if _leaks(one)]
    headings = {one.name: one.heading for one in content.outcomes}
    for note in content.precision:
        if note.warn:
            about = f" ({headings.get(note.outcome, note.outcome)})" if note.outcome else ""
            found.append(Callout("warning", f"{note.topic}{about}", note.text))
    if content.failures:
        many = len(content.failures)
        text = f"{many} item{'s' * (many > 1)} could not be worked on; see Notices and failures."
        found.append(Callout("warning", "Some items failed", text))
    return found


def _leaks(control: Permutation) -> bool:
    """Tell whether shuffled outcomes are forecast better than chance allows."""
    null = [value for value in control.null if value is not None]
    return len(null) >= 10 and sum(null) / len(null) > _SUSPICIOUS


def _leak(outcome: OutcomeReport, control: Permutation) -> Callout:
    """Say that a control failed."""
    null = [value for value in control.null if value is not None]
    text = (
        f"On shuffled outcomes {control.model} still reaches a mean {control.measure} of "
        f"{number(sum(null) / len(null))} for {outcome.heading}; chance is 0.50. "
        "Something is learned from the patients that are scored."
    )
    return Callout("danger", "A control failed", text)


def _facts(content: ReportContent) -> tuple[tuple[str, str], ...]:
    """List the facts of the study in a few words each."""
    study, lock = content.study, content.study.lock
    pairs = [
        ("Study", study.name),
        ("Design", study.design),
        ("Protocol", study.protocol),
        ("Patients", str(lock.n_patients or "")),
        ("Cases", str(lock.n_cases or "")),
        ("Candidate columns", str(lock.n_features or "")),
        *((f"Events, {one.heading}", f"{one.events} of {one.n}") for one in content.outcomes),
        ("Resampling", lock.resampling),
        ("Seed", str(study.seed)),
        ("Made", moment(study.created)),
        ("Software", f"hepacast {study.versions.get('hepacast', '')}".strip()),
    ]
    return tuple((name, value) for name, value in pairs if value)


def glance(content: ReportContent) -> Sheet:
    """Tabulate every model of every outcome: unseen cases, apparent value, optimism."""
    rows = [_row(outcome, model) for outcome in content.outcomes for model in outcome.models]
    columns = (
        "Outcome",
        "Model",
        "Role",
        "What goes in",
        "Measure",
        "Scored how",
        "On unseen cases",
    )
    return Sheet(
        "models-at-a-glance",
        "Every model at a glance",
        tuple(map(Column, (*columns, "Apparent", "Optimism"))),
        tuple(rows),
        "Estimates with 95 % intervals. Apparent: on the cases the model learned from. Optimism: "
        "apparent minus unseen. Models stand in the study file's order and are not ranked.",
    )


def _row(outcome: OutcomeReport, model: Model) -> tuple[Cell, ...]:
    """Tabulate one model."""
    honest, apparent = model.honest, model.evaluation("apparent")
    unseen = honest.discrimination if honest is not None else None
    seen = apparent.discrimination if apparent is not None else None
    optimism = None
    if unseen is not None and seen is not None and None not in (unseen.value, seen.value):
        optimism = (seen.value or 0.0) - (unseen.value or 0.0)
    first = honest or apparent
    return (
        outcome.heading,
        model.name,
        model.role,
        " + ".join(model.ingredients),
        first.measure if first is not None else "",
        SCOPES[honest.scope] if honest is not None else "",
        unseen,
        seen,
        optimism,
    )


def anchor(outcome: OutcomeReport) -> str:
    """Anchor of an outcome's section."""
    return f"outcome-{slug(outcome.name)}"
