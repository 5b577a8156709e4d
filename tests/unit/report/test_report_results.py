# SPDX-License-Identifier: Apache-2.0
"""The Results paragraph says what the tables say, once, and in the right direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.content import Comparison, Estimate, Evaluation, Model, OutcomeReport
from hepacast.report.sections.results import results_text
from hepacast.report.wording import with_interval

if TYPE_CHECKING:
    from hepacast.report.content import ReportContent


def words(content: ReportContent, outcome: OutcomeReport) -> str:
    """Write the paragraph of one outcome."""
    (text,) = results_text(content.model_copy(update={"outcomes": (outcome,)}))
    return text.text


def test_every_model_is_named_with_its_unseen_value(content: ReportContent) -> None:
    for outcome in content.outcomes:
        text = words(content, outcome)
        for model in outcome.models:
            assert model.honest is not None
            assert f"{with_interval(model.honest.discrimination)} for {model.name}" in text


def test_a_difference_is_told_as_candidate_minus_baseline(content: ReportContent) -> None:
    found = Estimate(value=-0.1, low=-0.3, high=0.05)
    pair = Comparison(model_a="base", model_b="new", measure="AUC", difference=found, p=0.2)
    models = (Model(name="base", role="baseline"), Model(name="new"))
    outcome = OutcomeReport(name="er", kind="binary", n=9, events=3, models=models)
    outcome = outcome.model_copy(update={"comparisons": (pair,)})
    wanted = "The difference to base was 0.100 (-0.050 to 0.300), P = 0.20, for new"
    assert wanted.replace("-", "\N{MINUS SIGN}") in words(content, outcome)


def test_apparent_values_are_called_optimistic(content: ReportContent) -> None:
    seen = Evaluation(
        cohort="all", scope="apparent", n=9, events=3, discrimination=Estimate(value=0.99)
    )
    model = Model(name="new", evaluations=(seen,))
    text = words(content, OutcomeReport(name="er", kind="binary", n=9, events=3, models=(model,)))
    assert "it was 0.99 for new, which is optimistic" in text
    assert "Out of fold" not in text


def test_a_survival_outcome_speaks_of_the_event(content: ReportContent) -> None:
    text = words(content, content.outcomes[1])
    assert "had the event (overall survival)" in text
    assert "Median follow-up was 41.3 (38.0 to 44.1) months." in text


def test_of_many_models_the_range_is_told_and_not_every_value(content: ReportContent) -> None:
    def model(at: int) -> Model:
        seen = Evaluation(
            cohort="all",
            scope="out-of-fold",
            n=90,
            events=30,
            discrimination=Estimate(value=0.5 + at / 100, low=0.4, high=0.9),
        )
        return Model(name=f"m{at:02d}", evaluations=(seen,))

    outcome = OutcomeReport(
        name="er", kind="binary", n=90, events=30, models=tuple(map(model, range(30)))
    )
    text = words(content, outcome)
    wanted = "0.50 (0.40 to 0.90) for m00 and 0.79 (0.40 to 0.90) for m29 (30 models)"
    assert f"the AUC (95 % CI) was between {wanted}." in text
    assert "m13" not in text
    assert "The tables hold every model" in text
