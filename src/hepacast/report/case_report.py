# SPDX-License-Identifier: Apache-2.0
"""A page per case, from the same content as the study's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import TableError
from hepacast.report.document import Document, print_html
from hepacast.report.sections.case import case_sections
from hepacast.report.wording import slug

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hepacast.report.content import ReportContent


def cases_of(content: ReportContent) -> tuple[str, ...]:
    """List the cases that a report knows: scored, pictured, failed or described, in that order."""
    scored = [
        case.case
        for outcome in content.outcomes
        for model in outcome.models
        for seen in model.evaluations
        for case in seen.cases
    ]
    pictured = [one.case for one in content.pictures]
    failed = [one.case for one in content.failures]
    facts = [one.case for one in content.case_facts]
    return tuple(dict.fromkeys(filter(None, [*scored, *pictured, *failed, *facts])))


def render_case(content: ReportContent, case: str) -> str:
    """Print the page of one case; it opens offline like the study's report.

    Raises
    ------
    TableError
        If the report does not know the case.
    """
    if case not in cases_of(content):
        raise TableError(
            what="a case report needs a case that was scored, pictured or failed",
            got=repr(case),
            fix="Take a case id from the tables of scores.",
        )
    return print_html(Document(content, case_sections(content, case), f"Case {case}"))


def write_case_reports(
    content: ReportContent, folder: Path, cases: Iterable[str] | None = None
) -> list[Path]:
    """Write a page per case.

    Parameters
    ----------
    content : ReportContent
        What a run found.
    folder : Path
        Where to; made if missing.
    cases : iterable of str, optional
        Which cases; all if left out.

    Returns
    -------
    list of Path
        One per case.  Names are numbered, so that ids that differ only in signs stay apart.
    """
    names = page_names(content)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for case in names if cases is None else cases:
        page = render_case(content, case)
        place = folder / names[case]
        place.write_text(page, encoding="utf-8")
        written.append(place)
    return written


def page_names(content: ReportContent) -> dict[str, str]:
    """Name the file of every case that a report knows."""
    known = enumerate(cases_of(content), 1)
    return {case: f"case-{at:04d}-{slug(case)}.html" for at, case in known}
