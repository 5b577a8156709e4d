# SPDX-License-Identifier: Apache-2.0
"""Scores whose model is a network: the door through which pictures come into a study's chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import StudyError
from hepacast.core.outcome import Binary
from hepacast.core.registry import Registry
from hepacast.core.table import FeatureName
from hepacast.deep.networks import FusionParams, NetworkParams, ResNet2dParams
from hepacast.deep.train import fit_network
from hepacast.deep.training import FitParams, Session
from hepacast.models import MODELS, FittedModel
from hepacast.models.forecast import forecast_from
from hepacast.models.regression import cox_weights, logistic_weights
from hepacast.run.parts.crops import KeptCrops
from hepacast.run.parts.deep_settings import NetworkModelParams
from hepacast.stats.dealing import in_case_order

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.folds import Cohort, Train
    from hepacast.core.params import Params
    from hepacast.core.table import FeatureTable
    from hepacast.deep.crops import Crops
    from hepacast.deep.train import FittedNetwork
    from hepacast.models.model import ModelFit

SCORE_MODELS: Registry[ModelFit] = Registry("models", dict(MODELS._parts))
"""Every model of columns, and the network."""

_SLOPES = (0.1, 5.0)
"""Bounds of the calibration slope per SD: an inner part of a dozen patients must neither
turn the order of the risks round nor make them certain."""


class NetworkModel(FittedModel):
    """A trained network as a model: a calibrated risk, centred on its inner part.

    Parameters
    ----------
    train : Train
        What it learned from.
    name : str
        Of the column of scores.
    fitted : FittedNetwork
        The network.
    maps : GradCamParams, ScoreCamParams or None
        How it is explained, if at all.
    """

    def __init__(
        self, train: Train, name: str, fitted: FittedNetwork, maps: Params | None = None
    ) -> None:
        known = fitted.held_out or train.with_table(fitted.apparent(train).table)
        raw = known.table.values[:, 0]
        notes = [_story(fitted)]
        if fitted.held_out is None:
            notes.append("calibrated on the cases it learned from: its probabilities are extreme")
        super().__init__(train, name, fitted.columns, notes)
        self.fitted, self.maps = fitted, maps
        self._slope, self._centre = _slope(raw, known), float(raw.mean())
        self.forecast = forecast_from(self._risk(raw[:, None]), known.outcome)

    def _risk(self, values: Float[np.ndarray, "case one"]) -> Float[np.ndarray, " case"]:
        risk: Float[np.ndarray, " case"] = self._slope * (values[:, 0] - self._centre)
        return risk

    def _apply(self, table: FeatureTable) -> FeatureTable:
        # The network finds its pictures by the case, which a plain risk of columns never sees.
        raw = self.fitted._apply(table)
        return table.with_values(self._risk(raw.values)[:, None], (FeatureName.score(self.name),))


@SCORE_MODELS.register(NetworkModelParams)
def network(train: Train, params: NetworkModelParams, rng: np.random.Generator) -> FittedModel:
    """Train a network inside a resample.

    A fusion network whose steps left no column learns from the picture alone, and says so:
    in some folds nothing is chosen.

    Raises
    ------
    StudyError
        If the run has not said where the pictures are.
    """
    place = params.pictures
    if not isinstance(place, KeptCrops):
        raise StudyError(
            what="a network needs pictures among the sources of its score",
            got="columns only",
            fix="Name a feature block with engine: crops in `from`.",
        )
    # All folds draw other numbers, yet each is the same in every process.
    seed = params.seed + int(rng.integers(2**31))
    train = in_case_order(train)
    crops = place.load()
    spec = fitted_to(params, crops)
    notes = []
    if isinstance(spec.network, FusionParams) and not train.table.columns:
        spec = spec.model_copy(update={"network": spec.network.image})
        notes.append("no column was left for the fusion: the picture alone")
    fitted = fit_network(train, crops, spec, Session(seed=seed, name=params.name))
    model = NetworkModel(train, params.name, fitted, params.maps)
    model.notes = (*model.notes, *notes)
    return model


def fitted_to(params: FitParams, crops: Crops) -> FitParams:
    """Set what the pictures decide: channels and phases."""
    if not isinstance(params.network, NetworkParams):
        raise TypeError(params.network)
    given: NetworkParams = params.network
    network = _fitted_network(given, crops)
    return FitParams(network=network, head=params.head, loop=params.loop)


def _fitted_network(given: NetworkParams, crops: Crops) -> NetworkParams:
    update: dict[str, object] = {"in_channels": int(crops.pixels.shape[1])}
    if isinstance(given, ResNet2dParams):
        update["phases"] = len(crops.phases)
    if isinstance(given, FusionParams):
        update["image"] = _fitted_network(given.image, crops)
    return given.model_copy(update=update)


def _slope(raw: Float[np.ndarray, " case"], known: Cohort) -> float:
    """Return the risk per unit of raw score, by regression on patients not learned from."""
    spread = float(raw.std())
    if spread <= 1e-12 * max(1.0, float(np.abs(raw).max())):
        return 0.0
    column = ((raw - raw.mean()) / spread)[:, None]
    outcome = known.outcome
    if isinstance(outcome, Binary):
        both = outcome.event.any() and not outcome.event.all()
        slope = logistic_weights(column, outcome.event)[0][0] if both else 1.0
    elif outcome.event.any():
        slope = cox_weights(column, outcome.time_days, outcome.event)[0][0]
    else:
        slope = 1.0
    return float(np.clip(slope, *_SLOPES)) / spread


def _story(fitted: FittedNetwork) -> str:
    """Say in one line how training went."""
    last = fitted.history[-1]
    if "inner" not in last:
        return f"{last['epoch']:.0f} epochs, loss {last['loss']:.3f}"
    looks = (row for row in fitted.history if "inner" in row)
    best = min(looks, key=lambda row: row["inner"])
    return f"epoch {best['epoch']:.0f} of {last['epoch']:.0f}: inner loss {best['inner']:.3f}"
