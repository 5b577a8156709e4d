# SPDX-License-Identifier: Apache-2.0
"""Models of one outcome: what went in, how well they do, and against what."""

from typing import Literal

from pydantic import model_validator

from hepacast.core.errors import TableError
from hepacast.report.content.base import Count, Estimate, Number, Numbers, Shown
from hepacast.report.content.curves import Calibration, DecisionCurve, Roc, Survivals, TimeCurve
from hepacast.report.content.equation import Equation
from hepacast.report.content.protocol import Control, Published, Seeds
from hepacast.report.content.study import Exclusion


class Metric(Shown):
    """A named number beside the main one."""

    name: str
    """``Sensitivity``, ``Uno's C``, ``Integrated Brier score`` ..."""
    estimate: Estimate
    """The number."""


class CaseScore(Shown):
    """What a model said about one case, and what happened."""

    case: str
    """Case id, text always."""
    score: Number = None
    """Risk score; higher is worse."""
    probability: Number = None
    """Probability of the event (by the horizon)."""
    event: bool | None = None
    """Whether the event was seen; None where that is unknown by the horizon."""
    time_months: Number = None
    """Time to the event or to censoring; None for a binary outcome."""
    group: str = ""
    """Risk group."""
    fold: str = ""
    """Fold that scored the case."""


class Evaluation(Shown):
    """One model in one set of patients."""

    cohort: str
    """Name of the patients: ``development``, ``centre 2`` ..."""
    scope: Literal["apparent", "out-of-fold", "corrected", "internal", "external"]
    """Whether the model had seen them: ``apparent`` scores what it learned from."""
    n: Count
    """Cases."""
    events: Count
    """Events."""
    discrimination: Estimate | None = None
    """AUC or concordance; its name is in ``measure``."""
    measure: str = "AUC"
    """Name of the discrimination measure: ``AUC``, ``Harrell's C`` ..."""
    metrics: tuple[Metric, ...] = ()
    """Further numbers."""
    roc: Roc | None = None
    """ROC curve; for a survival outcome at the horizon."""
    calibration: Calibration | None = None
    """Calibration."""
    decision: DecisionCurve | None = None
    """Decision curve."""
    risk_groups: Survivals | None = None
    """Curves by risk group."""
    over_time: tuple[TimeCurve, ...] = ()
    """Time-dependent AUC, Brier score ..."""
    cases: tuple[CaseScore, ...] = ()
    """Scores, case by case."""


class Coefficient(Shown):
    """A column the model uses, and how often the folds chose it."""

    name: str
    """Name of the column."""
    estimate: Estimate | None = None
    """Effect: odds or hazard ratio (see ``effect``), or a weight."""
    effect: str = ""
    """What the estimate is: ``odds ratio per SD``, ``hazard ratio``, ``weight``."""
    p: Number = None
    """P value; None where selection made one meaningless."""
    selected: Number = None
    """Share of the folds that chose the column, 0 to 1."""


class Spread(Shown):
    """A count that differs from fold to fold."""

    mean: Number
    """Mean over the folds."""
    low: Number = None
    """Least."""
    high: Number = None
    """Most."""


class FunnelStep(Shown):
    """A selection step: columns in, columns out, over the folds."""

    step: str
    """``variance``, ``univariate P < 0.05``, ``LASSO`` ..."""
    columns_in: Spread
    """Columns before."""
    columns_out: Spread
    """Columns after."""


class Subgroup(Shown):
    """Discrimination in a part of the patients."""

    variable: str
    """What divides them."""
    level: str
    """Which part."""
    n: Count
    """Cases."""
    events: Count
    """Events."""
    estimate: Estimate | None = None
    """Discrimination there."""


class Model(Shown):
    """One model of one outcome."""

    name: str
    """As in the study file."""
    role: Literal["candidate", "baseline", "control"] = "candidate"
    """Baselines are to be beaten; controls must fail."""
    ingredients: tuple[str, ...] = ()
    """Sets of columns that go in: ``clinical``, ``rad_score`` ..."""
    algorithm: str = ""
    """``L1 logistic regression``, ``Cox`` ..."""
    steps: tuple[str, ...] = ()
    """Everything that is learned in each fold, in order."""
    evaluations: tuple[Evaluation, ...] = ()
    """One per set of patients; out-of-fold and apparent stand side by side."""
    coefficients: tuple[Coefficient, ...] = ()
    """Columns used, most important first."""
    funnel: tuple[FunnelStep, ...] = ()
    """Selection steps in order."""
    subgroups: tuple[Subgroup, ...] = ()
    """Out-of-fold discrimination by subgroup."""
    cut: Number = None
    """Cut-off of the final model, on the score."""
    equation: Equation | None = None
    """The final model written out, where it is a regression; gives nomogram and calculator."""

    def evaluation(self, scope: str) -> Evaluation | None:
        """Return the first evaluation of a scope, or None.

        >>> Model(name="combined").evaluation("external")
        """
        return next((one for one in self.evaluations if one.scope == scope), None)

    @property
    def honest(self) -> Evaluation | None:
        """The evaluation to lead with: out-of-fold, else any on unseen cases, never apparent."""
        scopes = ("out-of-fold", "internal", "external", "corrected")
        return next(filter(None, map(self.evaluation, scopes)), None)


class Comparison(Shown):
    """Two models on the same cases."""

    model_a: str
    """First model."""
    model_b: str
    """Second model."""
    measure: str
    """What is compared: ``AUC``, ``Harrell's C``, ``NRI`` ..."""
    difference: Estimate
    """First minus second."""
    p: Number = None
    """P value."""
    p_adjusted: Number = None
    """P value adjusted for the number of comparisons."""
    method: str = ""
    """``DeLong, paired`` ..."""
    cohort: str = ""
    """On which patients."""


class Permutation(Shown):
    """The whole procedure on shuffled outcomes: what pure chance reaches."""

    name: str = "permuted labels"
    """Which control."""
    model: str
    """Model it belongs to."""
    measure: str = "AUC"
    """What was computed."""
    null: Numbers
    """Values on shuffled outcomes."""
    observed: Number
    """Value on the real outcomes."""
    p: Number = None
    """Share of shuffles at least as good, (b + 1) / (m + 1)."""
    sentence: str = ""
    """In words."""


class Truth(Shown):
    """What a phantom's maker knows, beside what the study found.

    Examples
    --------
    >>> found = Estimate(value=0.70, low=0.61, high=0.79)
    >>> Truth(name="AUC of the combined score", true=0.74, estimate=found).covered
    True
    """

    name: str
    """The quantity."""
    true: Number
    """Its true value."""
    estimate: Estimate
    """What was found."""

    @property
    def covered(self) -> bool | None:
        """Whether the interval holds the truth; None without an interval."""
        low, high = self.estimate.low, self.estimate.high
        if self.true is None or low is None or high is None:
            return None
        return low <= self.true <= high


class Fit(Shown):
    """A line of the leakage certificate: one fit, whom it saw and whom it scored."""

    name: str
    """``repeat 1 fold 3``."""
    seen: Count
    """Patients it learned from."""
    scored: Count
    """Patients it scored."""
    both: Count = 0
    """Patients it did both with; anything but 0 is a leak."""
    objects: str = ""
    """What was fitted on the patients seen: steps, models, cut-offs."""


class OutcomeReport(Shown):
    """One end point: its definition, its curve, and the models that forecast it."""

    name: str
    """As in the study file."""
    kind: Literal["binary", "survival", "competing"]
    """Type of the outcome."""
    title: str = ""
    """Headline; the name if empty."""
    definition: str = ""
    """One sentence: event, index date, horizon, how early censoring is treated."""
    n: Count = 0
    """Cases."""
    events: Count = 0
    """Events."""
    exclusions: tuple[Exclusion, ...] = ()
    """Cases that were measured but have no usable outcome, by reason."""
    horizon_months: Number = None
    """Time that probabilities are about."""
    followup_months: Estimate | None = None
    """Median follow-up (reverse Kaplan-Meier)."""
    overall: Survivals | None = None
    """Curve of all cases."""
    models: tuple[Model, ...] = ()
    """Models, in the study file's order; no ranking."""
    comparisons: tuple[Comparison, ...] = ()
    """Pairs of models."""
    permutations: tuple[Permutation, ...] = ()
    """Controls by shuffling."""
    truth: tuple[Truth, ...] = ()
    """For a phantom: truth beside estimate."""
    certificate: tuple[Fit, ...] = ()
    """Every fit behind the out-of-fold results, counted when its predictions came in."""
    controls: tuple[Control, ...] = ()
    """Runs that must fail if everything is honest."""
    seeds: tuple[Seeds, ...] = ()
    """Single divisions of the development cohort."""
    published: tuple[Published, ...] = ()
    """The usual order of papers beside the strict one."""
    winner: str = ""
    """What choosing the best model where it is judged would have printed."""

    @property
    def heading(self) -> str:
        """Title, or the name made readable.

        >>> OutcomeReport(name="overall_survival", kind="survival").heading
        'Overall survival'
        """
        plain = self.name.replace("_", " ").strip()
        return self.title or plain[:1].upper() + plain[1:]

    @property
    def phrase(self) -> str:
        """The heading inside a sentence; abbreviations keep their capitals.

        >>> OutcomeReport(name="os", kind="survival", title="OS at 5 years").phrase
        'OS at 5 years'
        """
        text = self.heading
        return text if text[1:2].isupper() else text[:1].lower() + text[1:]

    @property
    def event(self) -> str:
        """What probabilities are about: the outcome itself, or the event that ends a survival.

        >>> OutcomeReport(name="os", kind="survival", title="Overall survival").event
        'the event (overall survival)'
        """
        return self.phrase if self.kind == "binary" else f"the event ({self.phrase})"

    @model_validator(mode="after")
    def _distinct(self) -> "OutcomeReport":
        """Refuse two models of one name: figures and tables look them up by it."""
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise TableError(
                what=f"every model of outcome {self.name!r} has its own name",
                got=f"{twice!r} more than once",
                fix="Rename the second model.",
            )
        return self
