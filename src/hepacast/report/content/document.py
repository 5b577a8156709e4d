# SPDX-License-Identifier: Apache-2.0
"""The whole report as one object."""

from hepacast.report.content.base import Shown
from hepacast.report.content.clinical_use import ReaderStudy, Strata
from hepacast.report.content.outcome import OutcomeReport
from hepacast.report.content.protocol import Opening
from hepacast.report.content.study import (
    CaseFacts,
    Failure,
    FlowStep,
    Notice,
    Picture,
    Precision,
    Study,
    TableOne,
)


class Paragraph(Shown):
    """A paragraph that can be pasted into a manuscript."""

    heading: str = ""
    """``Radiomics``, ``Statistics`` ..."""
    text: str
    """The words; citations as ``[@key]``."""


class Reference(Shown):
    """A work cited."""

    key: str
    """As in ``[@key]``."""
    text: str
    """As printed in the list."""
    bibtex: str = ""
    """The BibTeX entry."""


class ReportContent(Shown):
    """Everything a report shows; only the study is needed.

    Examples
    --------
    >>> content = ReportContent(study=Study(name="ablation-er", seed=7))
    >>> ReportContent.model_validate_json(content.model_dump_json()) == content
    True
    """

    schema_version: int = 1
    """Raised when a field changes its meaning."""
    study: Study
    """What was studied, when, and with what."""
    flow: tuple[FlowStep, ...] = ()
    """Boxes of the flow diagram, in order."""
    table_one: TableOne = TableOne()
    """Who the patients were."""
    outcomes: tuple[OutcomeReport, ...] = ()
    """End points, in the study file's order."""
    readers: ReaderStudy | None = None
    """Readers without and with a model."""
    strata: tuple[Strata, ...] = ()
    """Classes of predicted risk, and a treatment within them, by cohort."""
    openings: tuple[Opening, ...] = ()
    """Test cohorts, and how often they were looked at."""
    precision: tuple[Precision, ...] = ()
    """What a cohort of this size can show."""
    notices: tuple[Notice, ...] = ()
    """What was repaired, flagged or is worth a look."""
    failures: tuple[Failure, ...] = ()
    """What could not be worked on."""
    pictures: tuple[Picture, ...] = ()
    """One for every processing step to be judged."""
    case_facts: tuple[CaseFacts, ...] = ()
    """What is known of single cases, for their pages."""
    methods: tuple[Paragraph, ...] = ()
    """Methods section."""
    references: tuple[Reference, ...] = ()
    """Works cited."""
