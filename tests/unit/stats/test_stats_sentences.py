# SPDX-License-Identifier: Apache-2.0
"""Every result writes itself as a sentence with numbers and the name of its method."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepacast.stats import (
    agreement,
    benefit,
    calibration,
    calibration_competing,
    calibration_optimism,
    calibration_survival,
    competing,
    concordance,
    correlation,
    cox,
    cox_residuals,
    cross_validated,
    cutpoints,
    diagnostic,
    fine_gray,
    horizon,
    horizon_regression,
    imputation,
    kappa,
    matching,
    precision,
    prediction_error,
    proportions,
    readers,
    reclassification,
    regression,
    regression_table,
    reported_lines,
    resampling,
    roc,
    stepwise,
    strata,
    survival,
    survival_contrasts,
    tables,
    univariate,
)

FOLDER = Path(agreement.__file__).parent


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    rng = np.random.default_rng(11)
    n = 160
    X = rng.normal(size=(n, 2))
    event = rng.uniform(size=n) < 1 / (1 + np.exp(-X[:, 0]))
    risk = 1 / (1 + np.exp(-0.8 * X[:, 0] - 0.2 * X[:, 1]))
    other = np.clip(risk + rng.normal(0, 0.15, n), 0.01, 0.99)
    time = np.round(rng.exponential(8 * np.exp(-X[:, 0])), 2) + 0.01
    limit = rng.uniform(2, 20, n)
    seen, follow = time <= limit, np.minimum(time, limit)
    cause = np.where(seen, rng.integers(1, 3, n), 0)
    group, names = np.where(X[:, 1] > 0, "b", "a"), ["size", "age"]
    cases = cox.fit_cox(X, follow, seen, names)
    data = cox_residuals.cox_data(cases, X, follow, seen)
    rows = resampling.bootstrap_rows(n, 6, rng)
    tied = concordance.harrell_c(X[:, 0], follow, seen)
    half = np.linspace(0, 5, 6)
    km = np.tile(1 - survival.kaplan_meier(follow, seen).at(half), (n, 1))

    def fit_risk(chosen: Any) -> Any:
        return cox.fit_cox(X[chosen], follow[chosen], seen[chosen]).risk_at(X, 5.0)

    treated_at = np.where(rng.random(n) < 0.5, 0.5, np.inf)
    over = strata.treatment_over_strata(group, (follow, seen), treated_at, X, 1.0)
    return {
        "Agreement": agreement.icc(np.stack([X, X + 0.1])),
        "Agreement of one": agreement.icc(np.stack([X[:, 0], X[:, 0] + rng.normal(size=n)])),
        "AtHorizon": horizon.auc_at(X[:, 0], follow, seen, 5.0),
        "Calibration": calibration.calibration(risk, event),
        "Coefficients": regression.fit_logistic(X, event, names),
        "ClassBenefit": over.classes[0],
        "ClassBenefit of none": strata.ClassBenefit(name="a", n=9, treated=0, reason="no pairs"),
        "Comparison": roc.compare_auc(risk, other, event),
        "CompetingCalibration": calibration_competing.calibration_competing(
            risk, follow, cause, 5.0
        ),
        "Concordance": tied,
        "Corrected": resampling.optimism(lambda _: 0, lambda _m, _r: 0.7, rows),
        "CorrectedCurve": calibration_optimism.corrected_calibration(
            fit_risk, follow, seen, 5.0, rows
        ),
        "Correlation": correlation.correlate(X[:, 0], X[:, 1]),
        "CoxFit": cases,
        "Curve": survival.kaplan_meier(follow, seen),
        "Curve not reached": survival.kaplan_meier(follow, np.zeros(n)),
        "CrossValidated": cross_validated.within_fold_auc(risk, np.arange(n) % 4, event),
        "CutSearch": cutpoints.xtile(X[:, 0], follow, seen),
        "DecisionCurve": benefit.decision_curve(risk, event),
        "Description": tables.describe_by_group(list(X[:, 0]), group, name="size"),
        "Diagnostic": diagnostic.diagnostic(risk, event, 0.5),
        "Estimate": proportions.wilson_proportion(3, 9),
        "Finding": reported_lines.check_reported_share(3, 9, 40.0, label="cirrhosis")[0],
        "FineGrayFit": fine_gray.fit_fine_gray(X, follow, cause, names),
        "GroupScreen": univariate.screen_t(X, event),
        "HorizonFit": horizon_regression.fit_horizon(X, follow, cause, 5.0, names),
        "HypothesisTest": proportions.chi_square([[9, 4], [3, 8]]),
        "Improvement": reclassification.nri(risk, other, event, [0.5]),
        "Incidence": competing.cumulative_incidence(follow, cause),
        "Interaction": matching.treatment_by_class(X[:, 0] > 0, group, follow, seen),
        "Kappa": kappa.cohen_kappa([[9, 4], [3, 8]], "linear"),
        "Landmark": matching.landmark(follow, seen, np.where(X[:, 0] > 0, 3.0, np.inf), 2.0),
        "LogRank": survival.logrank(follow, seen, group, strata=X[:, 0] > 0),
        "LogisticFit": regression.firth_logistic(X, event, names),
        "Matching": matching.match_propensity(X[:, [1]], X[:, 0] > 0.8),
        "Pairwise": survival_contrasts.pairwise_logrank(follow, seen, group),
        "Path": stepwise.stepwise_logistic(X, event, names)[1],
        "Pooled": imputation.pool([0.2, 0.3], [0.1, 0.1]),
        "PredictionError": prediction_error.prediction_error(km, follow, seen, half),
        "ProportionalHazards": cox_residuals.proportional_hazards(cases, data),
        "ReaderStudy": readers.reader_study(np.stack([[risk, other]] * 2), event),
        "RegressionTable": regression_table.cox_table(X, follow, seen, names),
        "SampleSize": precision.riley_binary(8, 0.4, auc=0.75),
        "Screen": univariate.screen_cox(X, follow, seen),
        "StrataBenefit": over,
        "SurvivalCalibration": calibration_survival.calibration_survival(
            cases.risk_at(X, 5.0), follow, seen, 5.0
        ),
        "TwoCutSearch": cutpoints.xtile_three(X[:, 0], follow, seen, rng, permutations=3),
    }


def with_sentence() -> set[str]:
    """Find all classes of the room that have the method without arguments."""
    return {
        node.name
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for part in node.body
        if isinstance(part, ast.FunctionDef)
        and part.name == "sentence"
        and len(part.args.args) == len(part.args.defaults) + 1
    }


def test_every_result_with_a_sentence_is_tried(results: dict[str, Any]) -> None:
    assert len(with_sentence()) > 30
    assert with_sentence() <= {type(result).__name__ for result in results.values()}


def test_sentences_hold_numbers_and_no_gaps(results: dict[str, Any]) -> None:
    for name, result in results.items():
        if not hasattr(result, "sentence"):
            continue
        text = result.sentence()
        assert any(letter.isdigit() for letter in text), name
        assert "nan" not in text.lower().replace("nanomet", ""), (name, text)
        assert len(text) > 20, name


def test_intervals_hold_their_estimates(results: dict[str, Any]) -> None:
    for name, result in results.items():
        low, middle, high = (getattr(result, key, None) for key in ("low", "estimate", "high"))
        if isinstance(low, float) and isinstance(middle, float) and isinstance(high, float):
            assert low <= middle <= high, name
