# SPDX-License-Identifier: Apache-2.0
"""What models are good for: what readers gained, and whom a treatment helps."""

from hepacast.report.content.base import Count, Estimate, Number, Shown
from hepacast.report.content.curves import Survivals


class BothWays(Shown):
    """One number of a reader without the model and with it."""

    alone: Estimate
    """Without the model."""
    with_model: Estimate
    """With it."""


class ReaderResult(Shown):
    """What one reader gained from a model."""

    name: str
    """Name in the table of readers."""
    auc: BothWays | None = None
    """AUC of the reader's scores."""
    gain: Estimate | None = None
    """AUC with the model minus alone."""
    gain_p: Number = None
    """Its P value."""
    sensitivity: BothWays | None = None
    """Share of the cases with the event that were called so."""
    specificity: BothWays | None = None
    """Share of the cases without the event that were called so."""
    events_p: Number = None
    """P of McNemar's test on cases with the event."""
    others_p: Number = None
    """P of McNemar's test on cases without it."""
    became_right: int | None = None
    """Calls that only the model made right."""
    became_wrong: int | None = None
    """Calls that only the model made wrong."""


class AllReaders(Shown):
    """Two conditions compared over all readers and cases."""

    measure: str
    """``AUC``, ``sensitivity`` or ``specificity``."""
    values: BothWays
    """Means over the readers."""
    gain: Estimate
    """With the model minus alone, for readers and cases like these."""
    p: Number = None
    """Its P value."""
    fixed_p: Number = None
    """P for these very readers, and cases like these."""
    sentence: str = ""
    """In words."""


class ReaderStudy(Shown):
    """Readers who forecast an outcome without and with a model."""

    outcome: str
    """What was forecast."""
    model: str
    """Model that they were shown."""
    n: Count
    """Cases that every reader answered."""
    events: Count
    """Events among them."""
    left_out: tuple[str, ...] = ()
    """Why cases of the table do not count, and how many."""
    model_alone: Estimate | None = None
    """AUC of the model itself, in cases that it never saw."""
    readers: tuple[ReaderResult, ...] = ()
    """By name."""
    together: tuple[AllReaders, ...] = ()
    """Multiple readers and multiple cases."""
    agreement_alone: tuple[str, ...] = ()
    """Kappa between readers without the model: all of them, then each pair."""
    agreement_with_model: tuple[str, ...] = ()
    """Kappa with it."""
    missing: tuple[str, ...] = ()
    """What could not be estimated, and why."""


class ClassBenefit(Shown):
    """A treatment in one class of patients."""

    name: str
    """Of the class."""
    n: Count
    """Cases at the landmark."""
    treated: Count
    """Treated by then."""
    pairs: Count = 0
    """Matched pairs."""
    events: Count = 0
    """Events in them."""
    imbalance: Number = None
    """Largest standardised difference of a covariate after matching."""
    hazard_ratio: Estimate | None = None
    """Treated against their matched partners; below 1 the treated do better."""
    p: Number = None
    """Its P value."""
    reason: str = ""
    """Why there is no hazard ratio."""


class Benefit(Shown):
    """A treatment over the classes."""

    treatment: str
    """Column that says when it was given."""
    landmark_months: Number
    """Where follow-up starts."""
    matched_on: tuple[str, ...]
    """Covariates."""
    left_out: tuple[str, ...] = ()
    """Why cases do not count, and how many."""
    classes: tuple[ClassBenefit, ...] = ()
    """Lowest risk first."""
    interaction_p: Number = None
    """That the hazard ratio is the same in all classes."""
    method: str = ""
    """Name of that test."""
    sentence: str = ""
    """In words."""


class Strata(Shown):
    """Patients of one cohort in four classes of predicted risk."""

    cohort: str
    """Whom the models had not seen: all cases out of fold, or a test cohort."""
    early: str
    """Outcome and model of the first division."""
    survival: str
    """Outcome and model of the second."""
    outcome: str
    """End point of the curves."""
    curves: Survivals
    """One for every class that has a case."""
    benefit: Benefit | None = None
    """A treatment within the classes."""
    missing: str = ""
    """Why there is none."""
