# SPDX-License-Identifier: Apache-2.0
"""Who was studied: flow of exclusions, Table 1, pictures of every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Block, Details, Gallery, Links, Section, Table, Text, figures
from hepacast.report.figures.flow import draw_flow
from hepacast.report.sheets import Cell, Column, Sheet
from hepacast.report.wording import with_unit

if TYPE_CHECKING:
    from hepacast.report.content import ReportContent, TableOne


def patients(content: ReportContent) -> Section | None:
    """Make the section about the patients; None where nothing is known of them."""
    blocks: list[Block] = list(figures(draw_flow(content)))
    excluded = exclusions(content)
    if excluded.rows:
        blocks.append(Details("Excluded cases by name", (Table(excluded),), printed=True))
    if content.table_one.rows:
        blocks.append(Table(characteristics(content.table_one), sortable=False))
    pages = tuple((one.case, one.page) for one in content.case_facts if one.page)
    if pages:
        blocks.append(Details("A page for every case", (Links("Cases", pages),)))
    return Section("patients", "Patients", tuple(blocks)) if blocks else None


def exclusions(content: ReportContent) -> Sheet:
    """Tabulate who was excluded, when and why."""
    left = [(step.label, step.exclusions) for step in content.flow]
    left += [(outcome.name, outcome.exclusions) for outcome in content.outcomes]
    rows = [
        (where, one.reason, one.n, ", ".join(one.cases))
        for where, reasons in left
        for one in reasons
    ]
    columns = tuple(map(Column, ("Step", "Reason", "n", "Cases")))
    return Sheet("exclusions", "Excluded cases", columns, tuple(rows))


def characteristics(table: TableOne) -> Sheet:
    """Tabulate the patients' characteristics; a variable's name stands on its first line."""
    rows: list[tuple[Cell, ...]] = []
    before = None
    for row in table.rows:
        first = row.variable != before
        name = with_unit(row.variable, row.unit)
        missing = row.n_missing if first else ""
        p: Cell = row.p if row.p is not None else ""
        rows.append(
            (name if first else "", row.level, *row.cells, missing, p, row.test, row.reason)
        )
        before = row.variable
    groups = tuple(Column(f"{one.label} (n = {one.n})") for one in table.columns)
    columns = (
        Column("Variable"), Column("Level"), *groups,
        Column("Missing"), Column("P", p=True), Column("Test"), Column("Why this test"),
    )  # fmt: skip
    return Sheet("table-1", "Characteristics of the patients", columns, tuple(rows), table.note)


def pictures(content: ReportContent) -> Section | None:
    """Make the section of pictures, grouped by processing step; None without pictures."""
    if not content.pictures:
        return None
    stages = list(dict.fromkeys(one.stage for one in content.pictures))
    blocks: list[Block] = [
        Text(
            "Judge each picture by eye: a number cannot tell that an outline sits beside a tumour."
        )
    ]
    for stage in stages:
        mine = tuple(one for one in content.pictures if one.stage == stage)
        blocks.append(Gallery(stage.capitalize() or "Pictures", mine))
    return Section("pictures", "Pictures to judge", tuple(blocks))
