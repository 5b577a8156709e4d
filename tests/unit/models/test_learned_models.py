# SPDX-License-Identifier: Apache-2.0
"""Tuned classifiers, boosted trees, fusion, signatures and hard baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hepacast.core.errors import LeakError, StudyError, TableError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel, WeightedSum
from hepacast.models import boosted as boosted_room
from hepacast.models.fuse import late_fusion, out_of_fold
from hepacast.models.learned import Learned
from hepacast.models.signature import Signature
from hepacast.stats.concordance import harrell_c
from hepacast.stats.regression import fit_logistic
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from jaxtyping import Float

CLASSIFIERS = ("svm", "knn", "forest", "naive-bayes", "mlp", "lightgbm", "xgboost")


def table_of(values: Float[np.ndarray, "case feature"], prefix: str = "c") -> FeatureTable:
    cases = tuple(f"{prefix}{at:04d}" for at in range(len(values)))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(values.shape[1]))
    return FeatureTable(np.array(values, dtype=float), cases, columns)


def train_on(values: Float[np.ndarray, "case feature"], outcome: Outcome) -> Train:
    table = table_of(values)
    cohort = Cohort(table, outcome)
    return Fold(frozenset(table.cases), frozenset()).train(cohort)


def fit(block: object, train: Train) -> FittedModel:
    params = MODELS.parse(block)
    return MODELS[params](train, params, np.random.default_rng(0))


def draw(n: int, seed: int) -> tuple[Float[np.ndarray, "case feature"], Float[np.ndarray, " case"]]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4))
    return values, 1.5 * values[:, 0] - values[:, 1]


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_classifiers_find_the_signal_and_are_roughly_calibrated(kind: str) -> None:
    values, risk = draw(300, 0)
    rng = np.random.default_rng(1)
    block = {kind: {"folds": 3, **({"trees": 60} if kind == "forest" else {})}}
    model = fit(block, train_on(values, Binary(risk + rng.logistic(size=300) > 0)))
    new, truth = draw(1500, 2)
    event = truth + rng.logistic(size=1500) > 0
    table = table_of(new, "new")
    assert auc(model.apply(table).values[:, 0], event).estimate > 0.78
    chance = model.probability(table)
    assert 0.6 < fit_logistic(np.log(chance / (1 - chance)), event).beta[0] < 1.6
    assert abs(chance.mean() - event.mean()) < 0.08
    assert "inner folds" in model.notes[0]


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_on_noise_scores_shrink_to_the_average(kind: str) -> None:
    rng = np.random.default_rng(3)
    values, event = rng.normal(size=(150, 5)), rng.random(150) < 0.4
    block = {kind: {"folds": 3, **({"trees": 60} if kind == "forest" else {})}}
    model = fit(block, train_on(values, Binary(event)))
    chance = model.probability(table_of(rng.normal(size=(200, 5)), "new"))
    # A logistic model without shrinkage spreads by about 0.09 here.
    assert chance.std() < 0.1
    assert abs(chance.mean() - event.mean()) < 0.1


def test_boosted_cox_ranks_by_hazard_and_gives_absolute_risks() -> None:
    values, risk = draw(300, 4)
    rng = np.random.default_rng(5)
    time, event = rng.exponential(500 * np.exp(-risk)), rng.random(300) < 0.7
    model = fit({"xgboost": {"folds": 3}}, train_on(values, Survival(time, event)))
    new, truth = draw(1000, 6)
    later = rng.exponential(500 * np.exp(-truth))
    table = table_of(new, "new")
    score = model.apply(table).values[:, 0]
    assert harrell_c(score, later, np.ones(1000, dtype=bool)).estimate > 0.72
    assert np.corrcoef(model.probability(table, 200.0), later < 200)[0, 1] > 0.4


def test_the_score_is_centred_on_patients_left_out() -> None:
    values, risk = draw(200, 7)
    event = risk + np.random.default_rng(8).logistic(size=200) > 0
    model = fit({"forest": {"folds": 4, "trees": 50}}, train_on(values, Binary(event)))
    assert isinstance(model, Learned)
    fresh = model.apply(table_of(draw(3000, 9)[0], "new")).values[:, 0]
    assert abs(fresh.mean()) < 0.3


def test_many_cases_are_calibrated_by_steps() -> None:
    values, risk = draw(1200, 10)
    event = risk + np.random.default_rng(11).logistic(size=1200) > 0
    model = fit({"naive-bayes": {}}, train_on(values, Binary(event)))
    assert isinstance(model, Learned)
    assert model.calibration.knots is not None
    score = model.apply(table_of(draw(500, 12)[0], "new")).values[:, 0]
    assert np.isfinite(score).all()


def test_a_missing_package_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(boosted_room, "import_module", absent)
    values, risk = draw(40, 13)
    with pytest.raises(StudyError, match="pip install lightgbm"):
        fit("lightgbm", train_on(values, Binary(risk > 0)))


def test_stepwise_keeps_signal_and_lists_its_moves() -> None:
    rng = np.random.default_rng(14)
    values = rng.normal(size=(200, 8))
    risk = values[:, 2] - values[:, 5]
    train = train_on(values, Binary(risk + rng.logistic(size=200) > 0))
    model = fit("stepwise", train)
    names = {column.feature for column in model.coefficients}
    assert {"x2", "x5"} <= names
    assert len(names) < 6
    assert "+ -/-/-/clinical/x" in model.notes[0]
    time = rng.exponential(np.exp(-risk))
    train = train_on(values, Survival(time, np.ones(200, dtype=bool)))
    for direction in ("both", "forward", "backward"):
        found = fit({"stepwise": {"direction": direction}}, train)
        assert {"x2", "x5"} <= {column.feature for column in found.coefficients}


def test_the_sign_weighted_mean_has_equal_weights_per_standard_deviation() -> None:
    rng = np.random.default_rng(15)
    values = rng.normal(size=(200, 6)) * [1, 10, 0.1, 1, 1, 1]
    risk = values[:, 0] - values[:, 1] / 10 + values[:, 2] * 10
    model = fit("icare", train_on(values, Binary(risk + rng.logistic(size=200) > 0)))
    per_sd = {
        column.feature: weight * values[:, int(column.feature[1:])].std()
        for column, weight in model.coefficients.items()
    }
    assert {"x0", "x1", "x2"} <= set(per_sd)
    assert per_sd["x1"] < 0 < per_sd["x0"]
    np.testing.assert_allclose(np.abs(list(per_sd.values())), abs(per_sd["x0"]), rtol=1e-9)


def test_copies_of_a_column_count_once_in_the_mean() -> None:
    rng = np.random.default_rng(16)
    one = rng.normal(size=100)
    values = np.column_stack([one, one, one])
    model = fit("icare", train_on(values, Binary(one + rng.logistic(size=100) > 0)))
    assert len(model.coefficients) == 1


def test_the_elastic_net_model_shares_weight_between_copies() -> None:
    rng = np.random.default_rng(17)
    one = rng.normal(size=150)
    values = np.column_stack([one, one + 0.05 * rng.normal(size=150), rng.normal(size=(150, 5))])
    train = train_on(values, Binary(one + 0.5 * rng.normal(size=150) > 0))
    model = fit({"elastic-net": {"l1_ratios": [0.2]}}, train)
    weights = {column.feature: weight for column, weight in model.coefficients.items()}
    assert weights["x0"] == pytest.approx(weights["x1"], rel=0.5)


def part(columns: list[int], block: object = "regression"):  # type: ignore[no-untyped-def]
    """Return a fit that sees some columns only."""

    def on(train: Train, rng: np.random.Generator) -> FittedModel:
        names = [train.table.columns[at] for at in columns]
        params = MODELS.parse(block)
        chosen = Train(train.with_table(train.table.select(names)))
        return MODELS[params](chosen, params, rng)

    return on


def test_out_of_fold_scores_come_from_models_that_left_the_patient_out() -> None:
    rng = np.random.default_rng(18)
    values = rng.normal(size=(60, 40))
    train = train_on(values, Binary(rng.random(60) < 0.5))
    block = {"forest": {"folds": 2, "trees": 10, "min_leaf": [1]}}
    stacked = out_of_fold(train, {"a": part(list(range(40)), block)}, rng)
    # Apparent scores of such a forest on noise have an AUC near 1.
    assert abs(auc(stacked.table.values[:, 0], train.outcome.event).estimate - 0.5) < 0.25
    assert stacked.table.columns == (FeatureName.score("a"),)


def test_late_fusion_trusts_the_part_with_signal_and_guards_its_patients() -> None:
    rng = np.random.default_rng(19)
    values = rng.normal(size=(200, 30))
    event = 2 * values[:, 0] + rng.logistic(size=200) > 0
    train = train_on(values, Binary(event))
    fits = {"signal": part([0]), "noise": part(list(range(1, 30)))}
    fused = late_fusion(train, fits, rng)
    weight = {column.feature: one for column, one in fused.coefficients.items()}
    assert weight["signal"] > 0.5
    assert abs(weight["noise"]) < 0.4
    with pytest.raises(LeakError):
        fused.probability(train.table)
    new = rng.normal(size=(500, 30))
    chance = fused.probability(table_of(new, "new"))
    assert auc(chance, 2 * new[:, 0] + rng.logistic(size=500) > 0).estimate > 0.8
    assert fused.apply(table_of(new, "new")).columns == (FeatureName.score("fused"),)


def test_a_signature_scores_as_its_model_does_and_travels() -> None:
    rng = np.random.default_rng(20)
    values = rng.normal(size=(120, 10)) * 5 + 2
    time = rng.exponential(np.exp(-values[:, 0] / 5))
    model = fit("lasso", train_on(values, Survival(time, np.ones(120, dtype=bool))))
    assert isinstance(model, WeightedSum)
    there = Signature.from_json(Signature.of(model).to_json())
    table = table_of(rng.normal(size=(7, 10)), "new")
    np.testing.assert_allclose(there.score(table).values, model.apply(table).values, atol=1e-12)
    with pytest.raises(StudyError, match="JSON"):
        Signature.from_json("{}")
    with pytest.raises(TableError):
        there.score(table.select(table.columns[1:]))


def test_ridge_agrees_with_scikit_learn_in_more_columns_than_cases() -> None:
    rng = np.random.default_rng(21)
    common = rng.normal(size=(60, 1))
    values = (common + rng.normal(size=(60, 150))) * np.geomspace(0.1, 10, 150)
    event = 2 * common[:, 0] + rng.logistic(size=60) > 0
    model = fit("ridge", train_on(values, Binary(event)))
    penalty = float(model.notes[0].split(" = ")[1].split(" ")[0])
    z = (values - values.mean(0)) / values.std(0)
    oracle = LogisticRegression(C=1 / (60 * penalty), tol=1e-10, max_iter=10_000).fit(z, event)
    # The penalty is read from a note of four digits.
    np.testing.assert_allclose(
        list(model.coefficients.values()) * values.std(0), oracle.coef_[0], rtol=2e-3, atol=1e-5
    )


def test_cox_ridge_ranks_by_hazard() -> None:
    values, risk = draw(200, 22)
    rng = np.random.default_rng(23)
    wide = np.hstack([values, rng.normal(size=(200, 40))])
    train = train_on(wide, Survival(rng.exponential(np.exp(-risk)), rng.random(200) < 0.8))
    weights = list(fit("ridge", train).coefficients.values())
    assert weights[0] > 0.3
    assert weights[1] < -0.2
    assert np.abs(weights[4:]).max() < 0.3


def test_the_discrete_hazard_approaches_cox_with_many_intervals() -> None:
    values, risk = draw(300, 24)
    rng = np.random.default_rng(25)
    train = train_on(values, Survival(rng.exponential(np.exp(-risk)), rng.random(300) < 0.8))
    cox = np.array(list(fit("regression", train).coefficients.values()))
    gaps = [
        np.abs(
            np.array(list(fit({"discrete-hazard": {"intervals": k}}, train).coefficients.values()))
            - cox
        ).max()
        for k in (3, 30)
    ]
    assert gaps[1] < 0.2
    assert gaps[1] < gaps[0]


def test_a_column_that_follows_from_others_gets_no_weight_in_a_discrete_hazard() -> None:
    values, risk = draw(120, 26)
    rng = np.random.default_rng(27)
    outcome = Survival(rng.exponential(np.exp(-risk)), rng.random(120) < 0.8)
    alone = fit("discrete-hazard", train_on(values, outcome))
    more = np.column_stack([values, values.sum(axis=1)])
    twice = fit("discrete-hazard", train_on(more, outcome))
    assert len(twice.coefficients) == len(alone.coefficients)
    assert any("follow from the others" in note for note in twice.notes)


def test_a_level_of_a_case_that_left_at_once_gets_no_weight_in_a_discrete_hazard() -> None:
    values, risk = draw(60, 28)
    time = np.random.default_rng(29).exponential(np.exp(-risk)) + 1.0
    time[7], event = 1e-3, np.ones(60, dtype=bool)
    event[7] = False
    more = np.column_stack([values, np.arange(60) == 7])
    found = fit("discrete-hazard", train_on(more, Survival(time, event)))
    assert len(found.coefficients) == values.shape[1]
