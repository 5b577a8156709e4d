# SPDX-License-Identifier: Apache-2.0
"""Boosted trees of LightGBM and XGBoost, where these packages are installed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import StudyError
from hepacast.core.outcome import Binary, Outcome
from hepacast.models.classifiers import weights_of
from hepacast.models.learned import LearnedParams, Recipe, learn
from hepacast.models.model import FittedModel, model

if TYPE_CHECKING:
    from types import ModuleType

    from hepacast.core.folds import Train
    from hepacast.models.learned import Estimator, Scores, Setting, Values


class LightgbmParams(LearnedParams):
    """Settings of LightGBM."""

    outcomes: ClassVar[frozenset[type]] = frozenset({Binary})
    weighs: ClassVar[bool] = True

    kind: Literal["lightgbm"] = "lightgbm"
    trees: int = Field(default=100, ge=1)
    """Number of trees."""
    leaves: tuple[int, ...] = (4, 8)
    """Leaves per tree to try."""
    rate: float = Field(default=0.05, gt=0, le=1)
    """Learning rate."""


class XgboostParams(LearnedParams):
    """Settings of XGBoost: logistic for a binary outcome, Cox otherwise."""

    kind: Literal["xgboost"] = "xgboost"
    trees: int = Field(default=100, ge=1)
    """Number of trees."""
    depth: tuple[int, ...] = (2, 3)
    """Depths to try."""
    rate: float = Field(default=0.05, gt=0, le=1)
    """Learning rate."""


@model(LightgbmParams)
def lightgbm(train: Train, params: LightgbmParams, rng: np.random.Generator) -> FittedModel:
    """Boost small trees leaf by leaf; the score is the raw margin.

    Parameters
    ----------
    train : Train
        Complete columns, binary outcome.
    params : LightgbmParams
        Trees, rate and leaves to try.
    rng : numpy.random.Generator
        Deals the inner folds and seeds the trees.

    Raises
    ------
    StudyError
        If the package is not installed.

    Notes
    -----
    One thread and the deterministic mode: the same seed gives the same trees.
    Source: Ke et al. 2017, NeurIPS 30:3146.
    """
    package = _package("lightgbm")

    def fit(values: Values, outcome: Outcome, setting: Setting, seed: int) -> Estimator:
        label, weight = outcome.event.astype(float), weights_of(outcome)
        data = package.Dataset(values, label=label, weight=weight, params={"verbose": -1})
        options = {
            "objective": "binary",
            "num_leaves": setting["leaves"],
            "learning_rate": params.rate,
            "min_data_in_leaf": 10,
            "lambda_l2": 1.0,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "verbose": -1,
        }
        return package.train(options, data, num_boost_round=params.trees)

    grid = [{"leaves": leaves} for leaves in params.leaves]
    return learn(train, params, Recipe(grid, fit, lightgbm_margin), rng)


@model(XgboostParams)
def xgboost(train: Train, params: XgboostParams, rng: np.random.Generator) -> FittedModel:
    """Boost small trees; the score is the margin (log odds or log hazard).

    Parameters
    ----------
    train : Train
        Complete columns.
    params : XgboostParams
        Trees, rate and depths to try.
    rng : numpy.random.Generator
        Deals the inner folds and seeds the trees.

    Raises
    ------
    StudyError
        If the package is not installed.

    Notes
    -----
    Competing events count as censored.  Source: Chen and Guestrin 2016, KDD:785.
    """
    package = _package("xgboost")

    def fit(values: Values, outcome: Outcome, setting: Setting, seed: int) -> Estimator:
        label = outcome.event.astype(float)
        objective = "binary:logistic"
        if not isinstance(outcome, Binary):
            # Negative labels mean censored; a day is added so that day 0 has a sign.
            label = np.where(outcome.event, 1.0, -1.0) * (outcome.time_days + 1.0)
            objective = "survival:cox"
        options = {
            "objective": objective,
            "max_depth": setting["depth"],
            "eta": params.rate,
            "lambda": 1.0,
            "subsample": 0.8,
            "nthread": 1,
            "seed": seed,
            "verbosity": 0,
        }
        return package.train(options, package.DMatrix(values, label=label), params.trees)

    grid = [{"depth": depth} for depth in params.depth]
    return learn(train, params, Recipe(grid, fit, xgboost_margin), rng)


def lightgbm_margin(booster: Estimator, values: Values) -> Scores:
    """Return the raw margin of LightGBM; a name of its own, so that a fit can be stored.

    Parameters
    ----------
    booster : Booster
        Fitted.
    values : (case, feature) float
        Columns in the order that it learned.

    Returns
    -------
    (case,) float
        Log odds; higher is worse.
    """
    return np.asarray(booster.predict(values, raw_score=True), dtype=np.float64)


def xgboost_margin(booster: Estimator, values: Values) -> Scores:
    """Return the margin of XGBoost; a name of its own, so that a fit can be stored.

    Parameters
    ----------
    booster : Booster
        Fitted.
    values : (case, feature) float
        Columns in the order that it learned.

    Returns
    -------
    (case,) float
        Log odds, or log hazard; higher is worse.
    """
    margin = booster.predict(_package("xgboost").DMatrix(values), output_margin=True)
    return np.asarray(margin, dtype=np.float64)


def _package(name: str) -> ModuleType:
    """Import an optional package, or say how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise StudyError(
            what=f"model {name!r} needs the package of that name",
            got="it is not installed",
            fix=f"Run: pip install {'xgboost-cpu' if name == 'xgboost' else name}",
        ) from error
