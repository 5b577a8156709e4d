# SPDX-License-Identifier: Apache-2.0
"""Classifiers of scikit-learn, tuned and calibrated on training patients."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from hepacast.core.outcome import Binary, Outcome
from hepacast.models.learned import LearnedParams, Recipe, learn, log_odds
from hepacast.models.model import FittedModel, model

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.models.learned import Estimator, Scores, Setting, Values

BINARY = frozenset({Binary})


class SvmParams(LearnedParams):
    """Settings of the support vector machine."""

    outcomes: ClassVar[frozenset[type]] = BINARY
    weighs: ClassVar[bool] = True

    kind: Literal["svm"] = "svm"
    kernel: Literal["rbf", "linear"] = "rbf"
    """Shape of the boundary."""
    cost: tuple[float, ...] = (0.1, 1.0, 10.0)
    """C: costs of a misclassified case to try."""


class KnnParams(LearnedParams):
    """Settings of the nearest neighbours."""

    outcomes: ClassVar[frozenset[type]] = BINARY

    kind: Literal["knn"] = "knn"
    neighbours: tuple[int, ...] = (5, 11, 21)
    """Numbers of neighbours to try (at most half of the cases)."""


class ForestParams(LearnedParams):
    """Settings of the random forest."""

    outcomes: ClassVar[frozenset[type]] = BINARY
    weighs: ClassVar[bool] = True

    kind: Literal["forest"] = "forest"
    trees: int = Field(default=200, ge=1)
    """Number of trees."""
    min_leaf: tuple[int, ...] = (2, 5, 10)
    """Smallest leaves to try."""


class NaiveBayesParams(LearnedParams):
    """Settings of Gaussian naive Bayes."""

    outcomes: ClassVar[frozenset[type]] = BINARY
    weighs: ClassVar[bool] = True

    kind: Literal["naive-bayes"] = "naive-bayes"


class MlpParams(LearnedParams):
    """Settings of the multilayer perceptron."""

    outcomes: ClassVar[frozenset[type]] = BINARY

    kind: Literal["mlp"] = "mlp"
    hidden: int = Field(default=16, ge=1)
    """Units of the one hidden layer."""
    decay: tuple[float, ...] = (0.1, 1.0, 10.0)
    """L2 penalties to try."""
    steps: int = Field(default=200, ge=10)
    """Most steps of the optimiser (L-BFGS)."""


@model(SvmParams)
def svm(train: Train, params: SvmParams, rng: np.random.Generator) -> FittedModel:
    """Separate the classes by a margin; the score is the distance from the boundary.

    Parameters
    ----------
    train : Train
        Complete columns; they are standardised inside every fold.
    params : SvmParams
        Kernel and costs to try.
    rng : numpy.random.Generator
        Deals the inner folds.

    Notes
    -----
    Source: Cortes and Vapnik 1995, Mach Learn 20:273; Platt 1999 (calibration).
    """

    def fit(values: Values, outcome: Outcome, setting: Setting, seed: int) -> Estimator:
        from sklearn.svm import SVC  # noqa: PLC0415 - slow to import

        machine = SVC(kernel=params.kernel, C=setting["cost"], random_state=seed)
        return _fit_scaled(machine, values, outcome)

    grid = [{"cost": cost} for cost in params.cost]
    return learn(train, params, Recipe(grid, fit, _margin), rng)


@model(KnnParams)
def knn(train: Train, params: KnnParams, rng: np.random.Generator) -> FittedModel:
    """Let the nearest training cases vote; the score is the log odds of the vote.

    Parameters
    ----------
    train : Train
        Complete columns; they are standardised inside every fold.
    params : KnnParams
        Numbers of neighbours to try.
    rng : numpy.random.Generator
        Deals the inner folds.
    """

    def fit(values: Values, outcome: Outcome, setting: Setting, seed: int) -> Estimator:  # noqa: ARG001
        from sklearn.neighbors import KNeighborsClassifier  # noqa: PLC0415 - slow to import

        count = min(setting["neighbours"], max(len(values) // 2, 1))
        return _scaled(KNeighborsClassifier(n_neighbors=count)).fit(values, outcome.event)

    grid = [{"neighbours": count} for count in params.neighbours]
    return learn(train, params, Recipe(grid, fit, _vote), rng)


@model(ForestParams)
def forest(train: Train, params: ForestParams, rng: np.random.Generator) -> FittedModel:
    """Average trees on bootstrap samples; the score is the log odds of the vote.

    Parameters
    ----------
    train : Train
        Complete columns.
    params : ForestParams
        Trees, and smallest leaves to try.
    rng : numpy.random.Generator
        Deals the inner folds and seeds the trees.

    Notes
    -----
    Source: Breiman 2001, Mach Learn 45:5.
    """

    def fit(values: Values, outcome: Outcome, setting: Setting, seed: int) -> Estimator:
        from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 - slow to import

        trees = RandomForestClassifier(
            n_estimators=params.trees, min_samples_leaf=setting["min_leaf"], random_state=seed
        )
        return trees.fit(values, outcome.event, sample_weight=weights_of(outcome))

    grid = [{"min_leaf": size} for size in params.min_leaf]
    return learn(train, params, Recipe(grid, fit, _vote), rng)


@model(NaiveBayesParams)
def naive_bayes(train: Train, params: NaiveBayesParams, rng: np.random.Generator) -> FittedModel:
    """Take columns as independent and normal in each class.

    Parameters
    ----------
    train : Train
        Complete columns; they are standardised inside every fold.
    params : NaiveBayesParams
        Number of inner folds for the calibration, which this model needs most.
    rng : numpy.random.Generator
        Deals the inner folds.
    """

    def fit(values: Values, outcome: Outcome, setting: Setting, seed: int) -> Estimator:  # noqa: ARG001
        from sklearn.naive_bayes import GaussianNB  # noqa: PLC0415 - slow to import

        return _fit_scaled(GaussianNB(var_smoothing=1e-6), values, outcome)

    return learn(train, params, Recipe([{}], fit, _posterior), rng)


@model(MlpParams)
def mlp(train: Train, params: MlpParams, rng: np.random.Generator) -> FittedModel:
    """Fit a network with one hidden layer; the score is its log odds.

    Parameters
    ----------
    train : Train
        Complete columns; they are standardised inside every fold.
    params : MlpParams
        Units, and penalties to try.
    rng : numpy.random.Generator
        Deals the inner folds and draws the starting weights.

    Notes
    -----
    The optimiser may stop at its last step: with few cases an early stop is
    part of the regularisation.
    """

    def fit(values: Values, outcome: Outcome, setting: Setting, seed: int) -> Estimator:
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - slow to import
        from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

        network = MLPClassifier(
            hidden_layer_sizes=(params.hidden,),
            alpha=setting["decay"],
            solver="lbfgs",
            max_iter=params.steps,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return _scaled(network).fit(values, outcome.event)

    grid = [{"decay": decay} for decay in params.decay]
    return learn(train, params, Recipe(grid, fit, _vote), rng)


def _scaled(estimator: Estimator) -> Estimator:
    """Put standardisation in front of an estimator."""
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - slow to import
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    return make_pipeline(StandardScaler(), estimator)


def _fit_scaled(estimator: Estimator, values: Values, outcome: Outcome) -> Estimator:
    """Fit an estimator behind standardisation, with the weights of its cases."""
    pipeline = _scaled(estimator)
    last = pipeline.steps[-1][0]
    return pipeline.fit(values, outcome.event, **{f"{last}__sample_weight": weights_of(outcome)})


def weights_of(outcome: Outcome) -> Float[np.ndarray, " case"] | None:
    """Return how many cases each stands for; None where they all count alike.

    Examples
    --------
    >>> weights_of(Binary(np.array([True, False])))
    """
    return outcome.weight if isinstance(outcome, Binary) else None


def _margin(estimator: Estimator, values: Values) -> Scores:
    """Read the distance from the boundary."""
    return np.asarray(estimator.decision_function(values), dtype=np.float64)


def _vote(estimator: Estimator, values: Values) -> Scores:
    """Read the log odds of the event."""
    return log_odds(np.asarray(estimator.predict_proba(values)[:, 1], dtype=np.float64))


def _posterior(estimator: Estimator, values: Values) -> Scores:
    """Read the difference of the log posteriors, which are too sure of themselves to clip."""
    both = np.asarray(estimator.predict_log_proba(values), dtype=np.float64)
    odds: Scores = np.clip(both[:, 1] - both[:, 0], -50.0, 50.0)
    return odds
