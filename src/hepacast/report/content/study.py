# SPDX-License-Identifier: Apache-2.0
"""The study and its patients: identity, flow of exclusions, Table 1, pictures, trouble."""

import base64
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from hepacast.core.errors import TableError
from hepacast.report.content.base import Count, Number, Shown

_PNG = b"\x89PNG\r\n\x1a\n"


class Digest(Shown):
    """Name of an input by its content."""

    name: str
    """What it is: ``clinical table``, ``image HCC-031 portal``."""
    sha256: str
    """Digest of its bytes, hexadecimal."""


class Lock(Shown):
    """Summary of ``study.lock``: what would have to be equal to get these numbers again."""

    study_file: str = ""
    """The study file, word for word."""
    sha256: str = ""
    """Digest of the lock file itself."""
    digests: tuple[Digest, ...] = ()
    """Digests of the inputs."""
    n_cases: Count = 0
    """Cases that entered the analysis."""
    n_patients: Count = 0
    """Patients they belong to."""
    n_features: Count = 0
    """Candidate columns before any selection."""
    resampling: str = ""
    """The scheme in words: ``5-fold cross-validation, repeated twice, grouped by patient``."""


class Study(Shown):
    """What was studied, when, and with what."""

    name: str
    """Short name, as in the study file."""
    title: str = ""
    """Headline of the report; the name if empty."""
    design: str = ""
    """``retrospective``, ``prospective`` ..."""
    protocol: Literal["strict", "as-published"] = "strict"
    """``as-published`` results are stamped as optimistic."""
    synthetic: bool = False
    """True for a phantom cohort; the report says so loudly."""
    seed: Count = 0
    """Seed of all random choices."""
    created: str = ""
    """When the run ended, ISO 8601; given by the caller, never read from the clock here."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Software and its version."""
    lock: Lock = Lock()
    """Summary of the lock file."""
    declared: dict[str, str] = Field(default_factory=dict)
    """Facts that only a human knows (ethics approval, registration, funding), for checklists."""


class Exclusion(Shown):
    """Why some cases left."""

    reason: str
    """In words that fit a flow diagram."""
    n: Count
    """How many."""
    cases: tuple[str, ...] = ()
    """Which ones."""


class FlowStep(Shown):
    """One box of the flow diagram and what left it.

    Examples
    --------
    >>> out = (Exclusion(reason="no arterial phase", n=4),)
    >>> FlowStep(label="Patients in the case table", n_before=64, exclusions=out, n_after=60).lost
    4
    """

    label: str
    """What the box says."""
    n_before: Count
    """Cases before the exclusions."""
    exclusions: tuple[Exclusion, ...] = ()
    """What left, by reason."""
    n_after: Count
    """Cases that go on."""

    @model_validator(mode="after")
    def _adds_up(self) -> "FlowStep":
        """Refuse a flow diagram that does not add up."""
        if self.n_before - self.lost != self.n_after:
            raise TableError(
                what=f"the flow step {self.label!r} must add up",
                got=f"{self.n_before} - {self.lost} = {self.n_after}",
                fix="Count every excluded case once, under its first reason.",
            )
        return self

    @property
    def lost(self) -> int:
        """Cases that left at this step."""
        return sum(exclusion.n for exclusion in self.exclusions)


class TableColumn(Shown):
    """A group of Table 1."""

    label: str
    """``Overall``, ``Recurrence`` ..."""
    n: Count
    """Cases in the group."""


class TableRow(Shown):
    """A line of Table 1: a variable, or one level of it."""

    variable: str
    """Name of the variable."""
    level: str = ""
    """Level of a categorical variable; empty for a number."""
    unit: str = ""
    """Unit of a number."""
    cells: tuple[str, ...]
    """Text per column: ``61 (52 to 68)``, ``34 (57 %)``."""
    n_missing: Count = 0
    """Cases without a value."""
    p: Number = None
    """P value of the comparison of the groups; once per variable."""
    test: str = ""
    """Name of the test."""
    reason: str = ""
    """Why that test."""


class TableOne(Shown):
    """Who the patients were."""

    columns: tuple[TableColumn, ...] = ()
    """Groups; the first one is usually all cases."""
    rows: tuple[TableRow, ...] = ()
    """Lines in printing order; the levels of a variable follow one another."""
    note: str = ""
    """What the numbers are: ``median (quartiles) or n (%)``."""

    @model_validator(mode="after")
    def _rectangular(self) -> "TableOne":
        """Refuse rows that do not fit the columns."""
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise TableError(
                    what=f"row {row.variable!r} of Table 1 has one cell per column",
                    got=f"{len(row.cells)} cells for {len(self.columns)} columns",
                    fix="Give an empty cell where there is nothing to say.",
                )
        return self


def _encode(value: object) -> object:
    """Take the bytes of a PNG as well as their base64 text."""
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value


class Picture(Shown):
    """A picture of a processing step, to be judged by eye.

    Examples
    --------
    >>> blob = bytes.fromhex("89504e470d0a1a0a")
    >>> Picture(caption="Tumour outline, portal phase", png=blob).png
    'iVBORw0KGgo='
    """

    caption: str
    """What is to be seen, and what a good one looks like."""
    png: Annotated[str, BeforeValidator(_encode)]
    """A PNG file in base64; bytes are encoded on the way in."""
    case: str = ""
    """Case it shows."""
    stage: str = ""
    """Processing step it judges: ``registration``, ``regions`` ..."""

    @model_validator(mode="after")
    def _is_png(self) -> "Picture":
        """Refuse anything that a browser might take for something else."""
        try:
            start = base64.b64decode(self.png, validate=True)[:8]
        except ValueError:
            start = b""
        if start != _PNG:
            raise TableError(
                what="a picture of the report is a PNG file in base64",
                got=f"a text that starts with {self.png[:12]!r}",
                fix="Pass the bytes of the PNG file.",
            )
        return self


class Notice(Shown):
    """Something that was repaired, flagged or is worth a look."""

    where: str
    """Stage, case or file."""
    text: str
    """What happened."""


class RegionFacts(Shown):
    """What one region of one image holds."""

    phase: str
    """Phase of the image."""
    region: str
    """Name of the region."""
    voxels: Count
    """Voxels inside."""
    volume_ml: Number
    """Volume by voxel counting, mL."""
    mean: Number = None
    """Mean intensity: HU, arbitrary units or grey levels."""
    low: Number = None
    """5th percentile of the intensities."""
    high: Number = None
    """95th percentile of the intensities."""


class CaseFacts(Shown):
    """What is known of one case, for its page."""

    case: str
    """Case id."""
    facts: dict[str, str] = Field(default_factory=dict)
    """As printed: ``Age`` to ``61 years``."""
    values: dict[str, float] = Field(default_factory=dict)
    """Values by column name, as the equations of the models want them."""
    regions: tuple[RegionFacts, ...] = ()
    """What was measured in, phase by phase."""
    notices: tuple[Notice, ...] = ()
    """What was repaired or flagged in its images and masks."""
    page: str = ""
    """Its page, relative to the study's report; empty if none was written."""


class Failure(Shown):
    """One item that could not be worked on."""

    stage: str
    """Where in the run."""
    case: str = ""
    """Case it concerns."""
    file: str = ""
    """File it concerns."""
    expected: str = ""
    """The rule."""
    found: str = ""
    """The offending value."""
    fix: str = ""
    """What to change."""


class Precision(Shown):
    """What a cohort of this size can show at all."""

    outcome: str = ""
    """Outcome it concerns; empty for all."""
    topic: str
    """``Sample size``, ``Events per candidate``, ``Expected width of the AUC interval``."""
    text: str
    """The sentence."""
    value: Number = None
    """The number, where there is one."""
    warn: bool = False
    """True where the cohort falls short."""
