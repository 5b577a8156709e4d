# SPDX-License-Identifier: Apache-2.0
"""Checklists filled in: which item is answered where, and what a human must add."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hepacast.report.blocks import Details, Section, Table, Text
from hepacast.report.checklists.clear import CLEAR
from hepacast.report.checklists.metrics import METRICS
from hepacast.report.checklists.tripod import TRIPOD_AI
from hepacast.report.sheets import Column, Sheet
from hepacast.report.wording import slug

if TYPE_CHECKING:
    from hepacast.report.checklists.item import Checklist
    from hepacast.report.content import ReportContent

CHECKLISTS = (TRIPOD_AI, CLEAR, METRICS)
"""Checklists a report fills in."""

DECLARABLE = tuple(
    sorted({item.declared for one in CHECKLISTS for item in one.items if item.declared})
)
"""Keys of ``study.declared`` that answer an item."""


def checklists(content: ReportContent) -> Section | None:
    """Make the section of checklists; None for a report without outcomes."""
    if not content.outcomes:
        return None
    intro = (
        "Each item says where this report answers it, what was declared in the study file, and "
        "what a human must still write. Items are in our own short words: hand in the official "
        "forms. That an item is answered does not mean that it is answered well."
    )
    parts = [
        Details(f"{one.name}: {tally(one, content)}", (Table(sheet(one, content)),), printed=True)
        for one in CHECKLISTS
    ]
    return Section("checklists", "Checklists", (Text(intro), *parts))


def tally(checklist: Checklist, content: ReportContent) -> str:
    """Count the answers of a checklist in words."""
    count = Counter(answer.status for answer in checklist.answers(content))
    run = count["run"] + count["run, complete it"]
    return (
        f"{run} of {len(checklist.items)} from the run"
        f"{f' ({n} to be completed)' if (n := count['run, complete it']) else ''}, "
        f"{count['declared']} declared, {count['to do']} to do"
    )


def sheet(checklist: Checklist, content: ReportContent) -> Sheet:
    """Tabulate the answers of a checklist."""
    rows = tuple(
        (one.item.number, one.item.topic, one.status, one.where, one.add)
        for one in checklist.answers(content)
    )
    columns = tuple(map(Column, ("Item", "Topic", "Answered by", "Where", "To add")))
    name = f"checklist-{slug(checklist.name)}"
    return Sheet(name, checklist.name, columns, rows, f"Source: {checklist.source}.")
