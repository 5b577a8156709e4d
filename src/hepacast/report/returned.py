# SPDX-License-Identifier: Apache-2.0
"""What a centre sends back after it has tried a model on its own patients: no patient is in it."""

from __future__ import annotations

from typing import Literal

from hepacast.core.params import Params

LEAST = 5
"""Smallest count that is told; a smaller one is null."""


class Limits(Params):
    """A number with its 95 % limits."""

    value: float
    """The estimate."""
    low: float
    """Lower limit."""
    high: float
    """Upper limit."""


class Band(Params):
    """Patients whose predicted risk lies between two round numbers."""

    low: float
    """From this risk on."""
    high: float
    """Below this risk; the last band holds its end too."""
    n: int
    """Patients."""
    events: int
    """With the event; by the horizon, where there is a time."""
    predicted: float
    """Mean predicted risk."""
    observed: Limits
    """Share with the event; 1 - Kaplan-Meier at the horizon, where there is a time."""


class Benefit(Params):
    """Net benefit at one threshold."""

    threshold: float
    """Risk from which on one would act."""
    model: float
    """Net benefit of acting on the model."""
    treat_all: float
    """Net benefit of acting on everybody."""


class RocPoint(Params):
    """Sensitivity and specificity of one threshold of risk."""

    threshold: float
    """Positive from this risk on."""
    sensitivity: float
    """Share of the events that are positive."""
    specificity: float
    """Share of the others that are not."""


class GroupCurve(Params):
    """Survival of one risk group."""

    group: Literal["low risk", "high risk"]
    """By the cut that the model learned."""
    n: int | None
    """Patients."""
    months: tuple[float, ...] = ()
    """Round times."""
    survival: tuple[float, ...] = ()
    """Share without the event by then (Kaplan-Meier)."""
    at_risk: tuple[int, ...] = ()
    """Patients still followed."""


class Returned(Params):
    """Aggregate figures of one model in the patients of one centre."""

    format: Literal[1] = 1
    """Raised when older readers cannot read it."""
    centre: str
    """As the centre calls itself."""
    day: str
    """When it was made."""
    predictor: str
    """Name of the predictor."""
    digest: str
    """sha256 of its manifest."""
    model: str
    """Name of the model in its study."""
    outcome: str
    """End point of the study."""
    at_days: float | None
    """Horizon of the probabilities."""
    software: str
    """Version of hepacast."""
    n: int
    """Patients scored whose outcome is known."""
    events: int
    """With the event; by the horizon, where there is a time."""
    not_scored: int | None
    """Left out: images or variables missing or unreadable."""
    without_outcome: int | None
    """Left out: outcome not known."""
    outside: int | None
    """Scored, but with a feature outside the range of the training patients."""
    measure: Literal["AUC", "Harrell's C"]
    """What discrimination is measured by."""
    discrimination: Limits
    """0.5 is chance, 1 perfect."""
    risk_mean: float
    """Mean predicted risk."""
    risk_sd: float
    """Its standard deviation."""
    slope: Limits | None = None
    """Calibration slope; 1 is ideal."""
    in_the_large: Limits | None = None
    """Calibration in the large, log odds; 0 is ideal."""
    observed_expected: Limits | None = None
    """Observed over expected events; 1 is ideal."""
    brier: float | None = None
    """Brier score, for outcomes without a time."""
    ici: float | None = None
    """Mean distance of the smooth calibration curve from the predictions."""
    bands: tuple[Band, ...] = ()
    """Calibration by groups; every other curve rests on the same bounds."""
    smooth: tuple[tuple[float, float], ...] = ()
    """Smooth calibration curve: predicted and observed risk."""
    decision: tuple[Benefit, ...] = ()
    """Decision curve."""
    roc: tuple[RocPoint, ...] = ()
    """ROC curve, for outcomes without a time."""
    groups: tuple[GroupCurve, ...] = ()
    """Survival by risk group, for outcomes with a time."""
    suppressed_below: Literal[5] = 5
    """Counts below this are null, and bands are as wide as it takes."""
