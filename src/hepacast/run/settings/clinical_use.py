# SPDX-License-Identifier: Apache-2.0
"""What a study file says about the use of its models: by readers, and for treatment."""

from __future__ import annotations

from pydantic import Field as Setting
from pydantic import PositiveFloat, model_validator

from hepacast.core.params import Params
from hepacast.table.outcomes import Unit


class PairedColumns(Params):
    """The columns of what readers said without the model, and with it."""

    alone: str
    """Column of the answer given without the model."""
    with_model: str
    """Column of the answer given with it."""


class ReadersParams(Params):
    """A reader study: one row per reader and case, without and with the model."""

    table: str
    """Path of the table, relative to the study file."""
    outcome: str
    """Outcome that readers forecast; with a time, the event by its horizon."""
    model: str
    """Model that they were shown; its own result stands beside theirs."""
    reader: str = "reader"
    """Column with the name of the reader."""
    case: str = "case"
    """Column with the case id."""
    score: PairedColumns | None = None
    """Numbers, higher where the event is more likely: they give the AUC."""
    call: PairedColumns | None = None
    """1 where the reader expected the event, 0 where not: sensitivity, specificity, kappa."""

    @model_validator(mode="after")
    def _something_said(self) -> ReadersParams:
        """Ask for an answer."""
        if self.score is None and self.call is None:
            msg = "readers needs score, call or both: what was said without and with the model"
            raise ValueError(msg)
        return self


class RiskOfParams(Params):
    """Whose high and low risk divides the patients."""

    outcome: str
    """Outcome of the study."""
    model: str
    """Model of the study."""


class TreatmentParams(Params):
    """A treatment after the index date whose benefit may differ between the classes."""

    given_at: str
    """Column with the time of the treatment; empty where it was not given."""
    unit: Unit
    """Unit of that column."""
    landmark_months: PositiveFloat
    """Only patients alive and followed at this month count, treated where treated by then."""
    match: tuple[str, ...] = Setting(min_length=1)
    """Clinical variables known at baseline that treated and untreated are matched on."""
    caliper: PositiveFloat = 0.2
    """Largest difference of the log odds of treatment, in standard deviations."""


class StrataParams(Params):
    """Four classes: high and low risk of early recurrence, crossed with those of death."""

    early: RiskOfParams
    """Early recurrence."""
    survival: RiskOfParams
    """Overall survival: a time to an event."""
    treatment: TreatmentParams | None = None
    """Compare treated and untreated within the classes."""
