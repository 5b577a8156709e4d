# SPDX-License-Identifier: Apache-2.0
"""How far to trust it: precision, notices, failures, methods, and what made the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Block, Code, Details, Facts, Section, Table, Text, Works
from hepacast.report.sections.results import results_text
from hepacast.report.sheets import Column, Sheet

if TYPE_CHECKING:
    from hepacast.report.content import ReportContent


def precision(content: ReportContent) -> Section | None:
    """Make the section on what a cohort of this size can show; None without notes."""
    if not content.precision:
        return None
    rows = tuple(
        (
            one.outcome or "all",
            one.topic,
            # Numbers of patients, not shares.
            round(one.value) if one.value is not None and abs(one.value) >= 100 else one.value,
            "falls short" if one.warn else "",
            one.text,
        )
        for one in content.precision
    )
    columns = tuple(map(Column, ("Outcome", "Topic", "Value", "Verdict", "In words")))
    sheet = Sheet("precision", "Precision and sample size", columns, rows)
    return Section("precision", "What this cohort can show", (Table(sheet),))


def trouble(content: ReportContent) -> Section:
    """Make the section of notices and failures; it says so when there were none."""
    blocks: list[Block] = []
    blocks.append(Table(failures(content)) if content.failures else Text("Nothing failed."))
    blocks.append(Table(notices(content)) if content.notices else Text("There were no notices."))
    return Section("trouble", "Notices and failures", tuple(blocks))


def failures(content: ReportContent) -> Sheet:
    """Tabulate what could not be worked on."""
    rows = tuple(
        (one.stage, one.case, one.file, one.expected, one.found, one.fix)
        for one in content.failures
    )
    labels = ("Stage", "Case", "File", "Expected", "Found", "What to do")
    return Sheet("failures", "Failures", tuple(map(Column, labels)), rows)


def notices(content: ReportContent) -> Sheet:
    """Tabulate what was repaired or flagged."""
    rows = tuple((one.where, one.text) for one in content.notices)
    return Sheet("notices", "Notices", (Column("Where"), Column("What")), rows)


def methods(content: ReportContent) -> Section | None:
    """Make the section of paragraphs to paste; None where there is nothing to say."""
    blocks: list[Block] = [Text(one.text, one.heading) for one in content.methods]
    results = results_text(content)
    if results:
        blocks += [Text(one.text, f"Results: {one.heading}") for one in results]
    if content.references:
        blocks.append(Works())
        blocks.append(Details("BibTeX", (Code(bibtex(content)),)))
    return Section("methods", "Paragraphs to paste", tuple(blocks)) if blocks else None


def bibtex(content: ReportContent) -> str:
    """Write the works cited as a BibTeX file."""
    return "\n\n".join(one.bibtex for one in content.references if one.bibtex) + "\n"


def provenance(content: ReportContent) -> Section:
    """Make the section on what would have to be equal to get these numbers again."""
    study, lock = content.study, content.study.lock
    facts = [("Seed", str(study.seed)), ("Resampling", lock.resampling), ("Lock file", lock.sha256)]
    blocks: list[Block] = [Facts(tuple((name, value) for name, value in facts if value))]
    if study.versions:
        rows = tuple(sorted(study.versions.items()))
        sheet = Sheet("versions", "Software", (Column("Package"), Column("Version")), rows)
        blocks.append(Table(sheet))
    if lock.digests:
        digests = tuple((one.name, one.sha256) for one in lock.digests)
        sheet = Sheet("inputs", "Inputs", (Column("Input"), Column("SHA-256")), digests)
        blocks.append(Details(f"Inputs and their digests ({len(digests)})", (Table(sheet),)))
    if lock.study_file:
        blocks.append(Details("Study file", (Code(lock.study_file),)))
    return Section("provenance", "What made these numbers", tuple(blocks))
