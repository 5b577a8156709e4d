# SPDX-License-Identifier: Apache-2.0
"""What the models are good for: readers who used one, and whom a treatment helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Block, Callout, Details, Heading, Section, Table, Text, figures
from hepacast.report.figures.survival import draw_classes
from hepacast.report.sheets import Cell, Column, Sheet
from hepacast.report.wording import months, slug

if TYPE_CHECKING:
    from hepacast.report.content import Benefit, BothWays, ReaderStudy, ReportContent, Strata


def clinical_use(content: ReportContent) -> Section | None:
    """Make the section on readers and on classes of risk; None where a study has neither."""
    blocks: list[Block] = []
    if content.readers is not None:
        blocks += _readers(content.readers)
    for one in content.strata:
        blocks += _strata(one)
    return Section("clinical-use", "Clinical use", tuple(blocks)) if blocks else None


def _readers(study: ReaderStudy) -> list[Block]:
    """Show what readers gained from a model."""
    whom = f"{len(study.readers)} readers forecast {study.outcome} in {study.n} cases"
    parts = [
        f"{whom} ({study.events} events), alone and with model {study.model}.",
        "" if study.model_alone is None else f"The model itself: {study.model_alone.sentence}.",
        f"Left out: {'; '.join(study.left_out)}." if study.left_out else "",
    ]
    blocks: list[Block] = [
        Heading("Readers without and with the model", "clinical-use-readers"),
        Text(" ".join(filter(None, parts))),
        *(Table(one) for one in (reader_scores(study), reader_calls(study)) if one.rows),
    ]
    if study.together:
        blocks.append(Table(all_readers(study)))
    if study.agreement_alone:
        alone = (Text(one, "Alone" if at == 0 else "") for at, one in _said(study.agreement_alone))
        other = (
            Text(one, "With the model" if at == 0 else "")
            for at, one in _said(study.agreement_with_model)
        )
        blocks.append(Details("Agreement between readers", (*alone, *other), printed=True))
    if study.missing:
        blocks.append(Callout("warning", "Could not be estimated", " ".join(study.missing)))
    return blocks


def _said(sentences: tuple[str, ...]) -> list[tuple[int, str]]:
    return [(at, f"{one}.") for at, one in enumerate(sentences)]


def reader_scores(study: ReaderStudy) -> Sheet:
    """Tabulate the AUC of every reader, alone and with the model."""
    rows = tuple(
        (one.name, *_pair(one.auc), one.gain, one.gain_p)
        for one in study.readers
        if one.auc is not None
    )
    columns = (
        Column("Reader"), Column("AUC alone"), Column("AUC with model"), Column("Difference"),
        Column("P", p=True),
    )  # fmt: skip
    note = "Estimates with 95 % intervals, of the readers' scores (DeLong, paired)."
    return Sheet("reader-scores", "Each reader: scores", columns, rows, note)


def reader_calls(study: ReaderStudy) -> Sheet:
    """Tabulate the calls of every reader, alone and with the model."""
    rows = tuple(
        (
            one.name,
            *_pair(one.sensitivity),
            one.events_p,
            *_pair(one.specificity),
            one.others_p,
            one.became_right,
            one.became_wrong,
        )
        for one in study.readers
        if one.sensitivity is not None
    )
    columns = (
        Column("Reader"), Column("Sensitivity alone"), Column("With model"), Column("P", p=True),
        Column("Specificity alone"), Column("With model"), Column("P", p=True),
        Column("Became right"), Column("Became wrong"),
    )  # fmt: skip
    note = (
        "Exact 95 % intervals; P of McNemar's exact test on the cases with the event, and without "
        "it. Calls that became right or wrong are those that differ with the model."
    )
    return Sheet("reader-calls", "Each reader: calls", columns, rows, note)


def _pair(both: BothWays | None) -> tuple[Cell, Cell]:
    return (None, None) if both is None else (both.alone, both.with_model)


def all_readers(study: ReaderStudy) -> Sheet:
    """Tabulate the means over readers."""
    rows = tuple(
        (one.measure, one.values.alone, one.values.with_model, one.gain, one.p, one.fixed_p)
        for one in study.together
    )
    columns = (
        Column("Measure"), Column("Alone"), Column("With model"), Column("Difference", 3),
        Column("P", p=True), Column("P, these readers", p=True),
    )  # fmt: skip
    note = (
        "Multiple readers and multiple cases (Obuchowski and Rockette 1995, Hillis 2007). "
        "Intervals and P hold for readers and cases like these; the last column for these readers."
    )
    return Sheet("all-readers", "All readers together", columns, rows, note)


def _strata(strata: Strata) -> list[Block]:
    """Show the classes of one cohort, and a treatment within them."""
    text = (
        f"High and low risk of {strata.early}, crossed with that of {strata.survival}; "
        f"{strata.cohort}. Every patient was divided by models that never saw them."
    )
    blocks: list[Block] = [
        Heading(f"Classes of risk: {strata.cohort}", f"clinical-use-{slug(strata.cohort)}"),
        Text(text),
        *figures(draw_classes(strata)),
    ]
    if strata.benefit is not None:
        blocks += [Table(benefit(strata, strata.benefit)), Text(_verdict(strata.benefit))]
    if strata.missing:
        blocks.append(Callout("warning", "The treatment could not be compared", strata.missing))
    return blocks


def benefit(strata: Strata, found: Benefit) -> Sheet:
    """Tabulate what the treatment does in every class."""
    rows = tuple(
        (
            one.name,
            one.n,
            one.treated,
            one.pairs or None,
            one.events if one.pairs else None,
            one.imbalance,
            one.hazard_ratio,
            one.p,
            one.reason,
        )
        for one in found.classes
    )
    columns = (
        Column("Class"), Column("Cases"), Column("Treated"), Column("Matched pairs"),
        Column("Events in pairs"), Column("Largest imbalance"), Column("Hazard ratio"),
        Column("P", p=True), Column("Why not"),
    )  # fmt: skip
    note = (
        f"Follow-up from month {months(found.landmark_months or 0)}; treated are those treated by "
        f"then, matched on {', '.join(found.matched_on)}. Below 1 the treated do better. Imbalance "
        "is in standard deviations; above 0.1 it is usually called too large."
    )
    name = f"benefit-{slug(strata.cohort)}"
    return Sheet(name, f"{found.treatment} within the classes", columns, rows, note)


def _verdict(found: Benefit) -> str:
    """Say whether the classes differ, and who does not count."""
    lost = f" Left out: {'; '.join(found.left_out)}." if found.left_out else ""
    if found.interaction_p is None:
        return f"Fewer than two classes could be estimated: nothing tells them apart.{lost}"
    p = Column("P", p=True).show(found.interaction_p)
    return (
        f"That the treatment does the same in all classes: P {p} ({found.method}). Without a small "
        f"P, a ratio that is significant in one class alone shows no difference.{lost}"
    )
