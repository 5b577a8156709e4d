# SPDX-License-Identifier: Apache-2.0
"""Curves of one model in one set of patients, as plain columns."""

from pydantic import model_validator

from hepacast.report.content.base import (
    Count,
    Counts,
    Estimate,
    Number,
    Numbers,
    Shown,
    same_length,
)


class Cut(Shown):
    """A cut-off: a fitted parameter with a scope."""

    value: Number
    """Cases above it are called high risk."""
    rule: str = ""
    """``Youden``, ``median``, ``maximally selected`` ..."""
    fitted_on: str = ""
    """Where it was learned: ``training part of every fold``."""


class Roc(Shown):
    """Sensitivity against false alarms, from (0, 0) to (1, 1)."""

    false_positive: Numbers
    """1 - specificity at every threshold."""
    sensitivity: Numbers
    """Sensitivity at every threshold."""
    thresholds: Numbers = ()
    """The thresholds, for hover; may start with infinity."""
    cut: Cut | None = None
    """The operating point, if one was fitted."""
    cut_sensitivity: Estimate | None = None
    """Sensitivity at the cut."""
    cut_specificity: Estimate | None = None
    """Specificity at the cut."""

    @model_validator(mode="after")
    def _even(self) -> "Roc":
        """Check the lengths."""
        same_length("a ROC curve", self.false_positive, self.sensitivity, self.thresholds)
        return self


class CalibrationPoint(Shown):
    """A group of cases with like predictions."""

    predicted: Number
    """Mean predicted probability."""
    observed: Number
    """Observed share, or 1 - Kaplan-Meier at the horizon."""
    low: Number = None
    """Lower limit of the observed share."""
    high: Number = None
    """Upper limit of the observed share."""
    n: Count = 0
    """Cases in the group."""


class Calibration(Shown):
    """Whether predicted probabilities mean what they say."""

    slope: Estimate | None = None
    """1 is ideal; below 1 the predictions are too extreme."""
    intercept: Estimate | None = None
    """Calibration in the large; 0 is ideal, above 0 the risk is underestimated."""
    brier: Estimate | None = None
    """Mean squared error of the probabilities; lower is better."""
    ici: Number = None
    """Integrated calibration index; 0 is ideal."""
    horizon_months: Number = None
    """Time the probabilities are about; None for a binary outcome."""
    points: tuple[CalibrationPoint, ...] = ()
    """Groups, lowest prediction first."""
    smooth_predicted: Numbers = ()
    """Abscissa of the smooth curve."""
    smooth_observed: Numbers = ()
    """Ordinate of the smooth curve."""
    smooth_low: Numbers = ()
    """Lower band of the smooth curve."""
    smooth_high: Numbers = ()
    """Upper band of the smooth curve."""
    method: str = ""
    """How groups and curve were made."""

    @model_validator(mode="after")
    def _even(self) -> "Calibration":
        """Check the lengths."""
        same_length(
            "a calibration curve",
            self.smooth_predicted,
            self.smooth_observed,
            self.smooth_low,
            self.smooth_high,
        )
        return self


class DecisionCurve(Shown):
    """Net benefit of acting on the model; acting on nobody is 0 throughout."""

    thresholds: Numbers
    """Probabilities at which one would act."""
    net_benefit: Numbers
    """Net benefit of the model, true positives per case."""
    treat_all: Numbers
    """Net benefit of acting on everybody."""
    horizon_months: Number = None
    """Time the probabilities are about; None for a binary outcome."""

    @model_validator(mode="after")
    def _even(self) -> "DecisionCurve":
        """Check the lengths."""
        same_length("a decision curve", self.thresholds, self.net_benefit, self.treat_all)
        return self


class SurvivalCurve(Shown):
    """Kaplan-Meier estimate of one group, or the cumulative incidence of one cause."""

    label: str = ""
    """Name of the group."""
    n: Count = 0
    """Cases."""
    events: Count = 0
    """Events seen."""
    time_months: Numbers = ()
    """Times at which the curve steps, ascending; the curve starts at (0, 1)."""
    survival: Numbers = ()
    """Share without the event from that time on (or with it, for an incidence)."""
    low: Numbers = ()
    """Lower pointwise limit."""
    high: Numbers = ()
    """Upper pointwise limit."""
    censored_months: Numbers = ()
    """Times of censoring, drawn as ticks."""
    at_risk: Counts = ()
    """Numbers at risk at the ticks of the figure."""
    median_months: Estimate | None = None
    """Median, where the curve reaches it."""

    @model_validator(mode="after")
    def _even(self) -> "SurvivalCurve":
        """Check the lengths."""
        same_length(f"curve {self.label!r}", self.time_months, self.survival, self.low, self.high)
        return self


class Survivals(Shown):
    """Curves that share one figure: everybody, or the risk groups of a model."""

    curves: tuple[SurvivalCurve, ...] = ()
    """Lowest risk first."""
    ticks_months: Numbers = ()
    """Times at which numbers at risk are printed."""
    logrank_p: Number = None
    """P of the log-rank test; None for one group."""
    method: str = ""
    """Name of the test."""
    hazard_ratio: Estimate | None = None
    """High against low risk."""
    cut: Cut | None = None
    """How the groups were told apart."""
    incidence: bool = False
    """True where curves rise: cumulative incidence with competing risks."""

    @model_validator(mode="after")
    def _ticks(self) -> "Survivals":
        """Check that numbers at risk fit the ticks."""
        for curve in self.curves:
            same_length(f"numbers at risk of {curve.label!r}", self.ticks_months, curve.at_risk)
        return self


class TimeCurve(Shown):
    """A quantity over time: time-dependent AUC, Brier score, prediction error."""

    name: str
    """``time-dependent AUC``, ``Brier score`` ..."""
    time_months: Numbers
    """Times."""
    value: Numbers
    """The quantity."""
    low: Numbers = ()
    """Lower pointwise limit."""
    high: Numbers = ()
    """Upper pointwise limit."""
    reference: Numbers = ()
    """The same quantity without a model (Kaplan-Meier), where that makes sense."""
    integrated: Estimate | None = None
    """Mean over time."""

    @model_validator(mode="after")
    def _even(self) -> "TimeCurve":
        """Check the lengths."""
        columns = (self.time_months, self.value, self.low, self.high, self.reference)
        same_length(self.name, *columns)
        return self
