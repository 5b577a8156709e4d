# SPDX-License-Identifier: Apache-2.0
"""A fitted model that travels: it scores as in its study, and has forgotten its patients."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.errors import HepacastError
from hepacast.run.cases.measure import VERSION as MEASURE_VERSION
from hepacast.run.protocol.chain import FittedScore, FittedStudy, Prediction
from hepacast.run.work.versions import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.models.model import FittedModel
    from hepacast.run.settings.case import CasesParams, RegionParams
    from hepacast.run.settings.study import MeasuredParams
    from hepacast.table.fields import Field


class PredictorError(HepacastError, ValueError):
    """A predictor that is damaged, a stranger's, or of another version."""


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What a predictor is; printed on everything that it makes.

    Parameters
    ----------
    name : str
        Short name, for files and DICOM descriptions.
    title, outcome, model : str
        Headline of the study, end point, and name of the model.
    at_days : float or None
        Horizon of the probability; None where the end point carries its own.
    patients, events : int
        Learned from.
    performance : str
        The honest estimate of the study, as a sentence.
    intended_use : str
        Who may use it for what.
    software : mapping of str to str
        Versions that it was made with.
    """

    name: str
    title: str
    outcome: str
    model: str
    at_days: float | None
    patients: int
    events: int
    performance: str = ""
    intended_use: str = "Research only; not a medical device."
    software: Mapping[str, str] = field(default_factory=versions)


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """How a case is measured: the study's own settings.

    Parameters
    ----------
    phases : tuple of str
        All phases of the study.
    cases : CasesParams or None
        What images and masks must be; None for studies without images.
    regions, blocks : mapping
        Settings by name.
    fields : mapping of str to Field
        Clinical variables that are needed.
    version : int
        Of the measuring; features of another one are refused.
    weights : mapping of str to (str, str)
        Layout and digest of the weights of a block's network, on disk only: read, they stand
        in the block.
    """

    phases: tuple[str, ...]
    cases: CasesParams | None
    regions: Mapping[str, RegionParams]
    blocks: Mapping[str, MeasuredParams]
    fields: Mapping[str, Field]
    version: int = MEASURE_VERSION
    weights: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Range of every column that the model weighs, in training.

    Parameters
    ----------
    columns : tuple of FeatureName
    low, high : (column,) float
        Smallest and largest training value.
    """

    columns: tuple[FeatureName, ...]
    low: np.ndarray
    high: np.ndarray

    def outside(self, table: FeatureTable) -> dict[str, tuple[str, ...]]:
        """Name, for every case, the columns whose value lies outside; missing ones do not."""
        values = table.select(self.columns).values
        beyond = (values < self.low) | (values > self.high)
        return {
            case: tuple(str(self.columns[at]) for at in np.flatnonzero(row))
            for case, row in zip(table.cases, beyond, strict=True)
        }


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """One model of one end point, ready for patients whom nobody has seen.

    Parameters
    ----------
    about : About
    preparation : Preparation
    fitted : FittedStudy
        The model and its scores; without the patients that it learned from.
    envelope : Envelope
    digest : str
        sha256 of the manifest; empty before it is written.
    """

    about: About
    preparation: Preparation
    fitted: FittedStudy
    envelope: Envelope
    digest: str = ""

    @property
    def columns(self) -> tuple[FeatureName, ...]:
        """Columns that a table of cases must have."""
        wanted = (c for score in self.fitted.scores.values() for c in score.columns)
        return tuple(dict.fromkeys(wanted))

    def predict(self, table: FeatureTable) -> Prediction:
        """Score cases from their columns.

        Parameters
        ----------
        table : FeatureTable
            With at least :attr:`columns`.

        Returns
        -------
        Prediction
            Centred score (higher is worse), probability and risk group of every case.
        """
        return self.fitted.predict(table, self.about.at_days)[self.about.model]


def make_predictor(
    about: About, preparation: Preparation, fitted: FittedStudy, train: FeatureTable
) -> Predictor:
    """Take one model out of a fitted study, and leave its patients behind.

    Parameters
    ----------
    about : About
        Names the model.
    preparation : Preparation
        How a case is measured.
    fitted : FittedStudy
        Fitted on all development patients.
    train : FeatureTable
        What it learned from; only the range of the columns weighed is taken.
    """
    members = fitted.members[about.model]
    scores = {name: _forget_score(fitted.scores[name]) for name in members}
    combined = fitted.combined.get(about.model)
    reduced = FittedStudy(
        scores=scores,
        combined={} if combined is None else {about.model: _forget(combined)},
        members={about.model: members},
        cuts={about.model: fitted.cuts[about.model]},
    )
    weighed = {c for s in scores.values() for c in (s.model.uses if not s.steps else s.columns)}
    columns = tuple(c for c in train.columns if c in weighed)
    values = train.select(columns).values
    low, high = _extremes(values)
    return Predictor(about, preparation, reduced, Envelope(columns, low, high))


def _extremes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return smallest and largest value of every column; infinite where there is none."""
    there = ~np.isnan(values)
    low = np.where(there, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(there, values, -np.inf).max(axis=0, initial=-np.inf)
    nothing = ~there.any(axis=0)
    return np.where(nothing, -np.inf, low), np.where(nothing, np.inf, high)


def _forget(fitted: Any) -> Any:  # noqa: ANN401 - any fitted object
    """Copy something that learned, without the patients that it saw."""
    made = copy.copy(fitted)
    made.seen = frozenset()
    return made


def _forget_score(score: FittedScore) -> FittedScore:
    """Copy a score whose steps and model have forgotten their patients."""
    made: FittedScore = _forget(score)
    made.steps = tuple(_forget(step) for step in score.steps)
    model: FittedModel = _forget(score.model)
    made.model = model
    return made
