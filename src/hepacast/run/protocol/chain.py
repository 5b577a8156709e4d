# SPDX-License-Identifier: Apache-2.0
"""From training cases to fitted scores and models: the part that learns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.folds import Fitted, Fold, Train, keep_columns
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.run.parts.deep_score import SCORE_MODELS
from hepacast.run.parts.deep_settings import NetworkModelParams
from hepacast.select import STEPS
from hepacast.select.combat import CombatParams
from hepacast.stats.dealing import deal_folds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jaxtyping import Float

    from hepacast.core.folds import Cohort
    from hepacast.core.params import Params
    from hepacast.models.model import FittedModel
    from hepacast.run.parts.crops import KeptCrops
    from hepacast.run.parts.reread import Rereading
    from hepacast.run.settings.study import ModelsParams, ScoreParams
    from hepacast.select import FittedStep


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is fitted again in every resample.

    Parameters
    ----------
    scores : mapping of str to ScoreParams
        Scores by name.
    models : ModelsParams
        Which scores go together.
    columns : mapping of str to tuple of FeatureName
        Columns of every source.
    inner : int
        Folds inside a training part.
    seed : int
        Seed of the study.
    tops : mapping of str to ModelParams
        What combines the scores of a model, where that is not ``models.fit``; a model
        of one score that is listed here learns from that score, too.
    rereading : Rereading, optional
        Second readings; they choose among the columns of every score first.
    pictures : mapping of str to KeptCrops
        Where the pictures are, by score whose model is a network.
    """

    scores: Mapping[str, ScoreParams]
    models: ModelsParams
    columns: Mapping[str, tuple[FeatureName, ...]]
    inner: int
    seed: int
    tops: Mapping[str, Params] = field(default_factory=dict)
    rereading: Rereading | None = None
    pictures: Mapping[str, KeptCrops] = field(default_factory=dict)

    def top(self, model: str) -> Params | None:
        """Return what combines the scores of a model; None where it is its only score."""
        if model in self.tops:
            return self.tops[model]
        return self.models.fit if len(self.models.sets[model]) > 1 else None

    def offered(self, score: str) -> tuple[FeatureName, ...]:
        """List the columns that a score chooses from."""
        sources = self.scores[score].from_
        return tuple(column for source in sources for column in self.columns[source])

    def rechecked(self, score: str) -> bool:
        """Tell whether second readings choose among the columns of a score."""
        if self.rereading is None:
            return False
        return not set(self.rereading.readings[0].columns).isdisjoint(self.offered(score))


class FittedScore(Fitted):
    """Steps and, at their end, the model that weighs what they left."""

    def __init__(
        self, train: Train, name: str, steps: tuple[FittedStep, ...], model: FittedModel
    ) -> None:
        super().__init__(train)
        self.name, self.steps, self.model = name, steps, model
        self.columns = train.table.columns

    def _chain(self, table: FeatureTable) -> FeatureTable:
        """Take rows through the steps, up to the model."""
        whole, table = table, table.select(self.columns)
        for step in self.steps:
            table = step._apply(_complete(table, step.inputs, whole))
        return table

    def _apply(self, table: FeatureTable) -> FeatureTable:
        score = self.model._apply(self._chain(table))
        return table.with_values(score.values, (FeatureName.score(self.name),))

    def weighed(self, train: Train) -> FeatureTable:
        """Return the columns that the model weighs, for the cases it learned from."""
        return self._chain(train.table).select(self.model.uses)

    def funnel(self) -> tuple[int, ...]:
        """Count the columns before the first step and after each one, and those weighed."""
        left = [len(step.outputs) for step in self.steps]
        return (len(self.columns), *left, len(self.model.uses))


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What one model says about cases it has never seen.

    Parameters
    ----------
    cases : tuple of str
        Case ids.
    score : (case,) float
        Linear predictor, centred on the training patients; higher is worse.
    probability : (case,) float
        Probability of the event (by the horizon).
    high : (case,) bool
        Score above the cut that was learned from the training patients.
    """

    cases: tuple[str, ...]
    score: Float[np.ndarray, " case"]
    probability: Float[np.ndarray, " case"]
    high: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class FittedStudy:
    """All scores and models of one outcome, fitted on one training part.

    Parameters
    ----------
    scores : mapping of str to FittedScore
        Scores by name.
    combined : mapping of str to FittedModel
        Models of several scores.
    members : mapping of str to tuple of str
        Scores of every model.
    cuts : mapping of str to float
        Cut between low and high risk of every model.
    unseen : mapping of str to FeatureTable
        Scores, out of fold inside the training part, that a combined model learned from.
    seen : frozenset of str
        Patients of the training part.
    """

    scores: Mapping[str, FittedScore]
    combined: Mapping[str, FittedModel]
    members: Mapping[str, tuple[str, ...]]
    cuts: Mapping[str, float]
    unseen: Mapping[str, FeatureTable] = field(default_factory=dict)
    seen: frozenset[str] = field(default=frozenset())

    def predict(self, table: FeatureTable, at_days: float | None) -> dict[str, Prediction]:
        """Score cases of patients who were not seen in training.

        Raises
        ------
        LeakError
            If one of them was.
        """
        columns = {name: score.apply(table) for name, score in self.scores.items()}
        return self._weigh(columns, at_days)

    def predict_apparent(self, train: Train, at_days: float | None) -> dict[str, Prediction]:
        """Score the very cases that it learned from: optimistic, and to be called so."""
        columns = {name: score.apparent(train).table for name, score in self.scores.items()}
        return self._weigh(columns, at_days)

    def _weigh(
        self, columns: Mapping[str, FeatureTable], at_days: float | None
    ) -> dict[str, Prediction]:
        """Combine the scores of every model, and turn the result into a probability."""
        found = {}
        for name, members in self.members.items():
            table = _beside(columns, members)
            model = self.combined.get(name)
            if model is not None:
                table = model._apply(table)
            risk = table.values[:, 0]
            forecast = (model or self.scores[members[0]].model).forecast
            probability = forecast.probability(risk, at_days)
            found[name] = Prediction(table.cases, risk, probability, risk > self.cuts[name])
        return found


def fit_study(train: Train, recipe: Recipe, key: str) -> FittedStudy:
    """Fit every score and model on training cases.

    Models of several scores learn from scores that were themselves out of fold
    inside the training part: apparent scores would make the score with the most
    columns look best.  A model of one score is that score.

    Parameters
    ----------
    train : Train
        Cases to learn from.
    recipe : Recipe
        What to fit.
    key : str
        Name of the resample, for the random numbers.
    """
    scores = {name: fit_score(train, name, recipe, key) for name in recipe.scores}
    parts: dict[str, list[FeatureTable]] = {name: [] for name in recipe.scores}
    for fold in divide(train, recipe.inner, generator(recipe.seed, key, "inner")):
        inner = fold.train(train)
        for name, tables in parts.items():
            fitted = fit_score(inner, name, recipe, f"{key}/{fold.label}")
            tables.append(fitted.apply(fold.test(train)))
    unseen = {name: _stack(tables, train) for name, tables in parts.items()}
    combined, cuts, beside = {}, {}, {}
    for name, members in recipe.models.sets.items():
        beside[name] = _beside(unseen, members)
        learned = Train(train.with_table(beside[name]))
        top = recipe.top(name)
        if top is not None:
            rng = generator(recipe.seed, key, name)
            combined[name] = MODELS[top](learned, top, rng)
            own = combined[name].apparent(learned).table
        else:
            own = learned.table
        cuts[name] = float(np.median(own.values[:, 0]))
    seen = frozenset(train.table.patients)
    return FittedStudy(scores, combined, dict(recipe.models.sets), cuts, beside, seen)


def fit_score(train: Train, name: str, recipe: Recipe, key: str) -> FittedScore:
    """Fit the steps of one score, one on the output of the other, and then its model.

    Parameters
    ----------
    train : Train
        Cases to learn from.
    name : str
        Of the score.
    recipe : Recipe
        Its columns, steps and model.
    key : str
        Name of the resample, for the random numbers.
    """
    offered, learned, steps = fit_steps(train, name, recipe, key)
    params: Params = recipe.scores[name].model
    if isinstance(params, NetworkModelParams) and name in recipe.pictures:
        params = params.with_pictures(recipe.pictures[name])
    rng = generator(recipe.seed, key, name, "model")
    return FittedScore(offered, name, steps, SCORE_MODELS[params](learned, params, rng))


def fit_steps(
    train: Train, name: str, recipe: Recipe, key: str
) -> tuple[Train, Train, tuple[FittedStep, ...]]:
    """Fit the steps of one score.

    Parameters
    ----------
    train : Train
        Cases to learn from.
    name : str
        Of the score.
    recipe : Recipe
        Its columns and steps.
    key : str
        Name of the resample, for the random numbers.

    Returns
    -------
    Train, Train, tuple of FittedStep
        The columns that the score chooses from, those that its model weighs, and the steps
        between them.
    """
    spec = recipe.scores[name]
    offered = keep_columns(train, recipe.offered(name))
    learned: Train = offered
    steps: list[FittedStep] = []
    if recipe.rereading is not None:
        agreed = recipe.rereading.choose(offered)
        if agreed is not None:
            learned = agreed.apparent(learned)
            steps.append(agreed)
    for at, params in enumerate(spec.steps):
        ready = _complete(learned.table, batch_columns(params), train.table)
        rng = generator(recipe.seed, key, name, at)
        step = STEPS[params](Train(learned.with_table(ready)), params, rng)
        learned = step.apparent(Train(learned.with_table(ready)))
        steps.append(step)
    return offered, learned, tuple(steps)


def batch_columns(params: Params) -> tuple[FeatureName, ...]:
    """Return the column that a step needs beside those it changes: the batch of ComBat.

    Parameters
    ----------
    params : Params
        Settings of a step.
    """
    return (FeatureName.parse(params.batch),) if isinstance(params, CombatParams) else ()


def _complete(
    table: FeatureTable, wanted: tuple[FeatureName, ...], whole: FeatureTable
) -> FeatureTable:
    """Add the columns that a step asks for and no step before it has handed on."""
    if not wanted or wanted == table.columns:
        return table
    there = set(table.columns)
    missing = [column for column in wanted if column not in there]
    return table.beside(whole.select(missing)) if missing else table


def divide(cohort: Cohort, folds: int, rng: np.random.Generator) -> Iterator[Fold]:
    """Divide patients into folds, balanced by outcome; every patient is scored once.

    Parameters
    ----------
    cohort : Cohort
        All cases of a patient stay together.
    folds : int
        How many.
    rng : numpy.random.Generator
        Deals the patients.
    """
    patients = cohort.table.patients
    fold_of = deal_folds(patients, cohort.outcome.strata, folds, rng)
    everybody = frozenset(patients)
    for at in range(folds):
        score = frozenset(p for p, f in zip(patients, fold_of, strict=True) if f == at)
        yield Fold(everybody - score, score, label=f"fold {at + 1}")


def _stack(tables: list[FeatureTable], train: Train) -> FeatureTable:
    """Put the rows of folds under each other, in the order of the training cases."""
    cases = tuple(case for table in tables for case in table.cases)
    patients = tuple(patient for table in tables for patient in table.patients)
    values = np.vstack([table.values for table in tables])
    stacked = FeatureTable(values, cases, tables[0].columns, patients)
    return stacked.rows(train.table.cases)


def _beside(columns: Mapping[str, FeatureTable], members: tuple[str, ...]) -> FeatureTable:
    """Put the scores of one model beside each other."""
    table = columns[members[0]]
    for name in members[1:]:
        table = table.beside(columns[name])
    return table
