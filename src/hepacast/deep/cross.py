# SPDX-License-Identifier: Apache-2.0
"""Vectors of a network that learns from the study's own patients, without scoring any of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.folds import Fitted, Fold, Train
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureTable
from hepacast.deep.embed import embed
from hepacast.deep.train import fit_network
from hepacast.deep.training import Session
from hepacast.stats.dealing import deal_folds, in_case_order

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.table import FeatureName
    from hepacast.deep.crops import Crops
    from hepacast.deep.train import FittedNetwork
    from hepacast.deep.training import FitParams


class CrossEmbedding(Fitted):
    """Vectors for new patients by one network, for the training cases by networks without them.

    A step that chooses among the vectors must not see those that a network gives to
    the patients it learned from: they look far better than those of anybody else.

    Parameters
    ----------
    train : Train
        What all networks learned from.
    whole : FittedNetwork
        Learned from all of them.
    prefix : FeatureName
        Phase, region and filter of the columns.
    unseen : FeatureTable
        Vectors of the training cases, each by a network that left its patient out.
    """

    def __init__(
        self, train: Train, whole: FittedNetwork, prefix: FeatureName, unseen: FeatureTable
    ) -> None:
        super().__init__(train)
        self.whole, self.prefix, self._unseen = whole, prefix, unseen
        self._standard = Standard(whole, train, prefix)

    def _apply(self, table: FeatureTable) -> FeatureTable:
        return self._standard(table)

    def apparent(self, train: Train) -> Train:
        """Return the training cases with vectors of networks that left their patients out."""
        return Train(train.with_table(self._unseen.rows(train.table.cases)))


def cross_embed(
    train: Train,
    crops: Crops,
    params: FitParams,
    prefix: FeatureName,
    *,
    folds: int = 5,
    session: Session | None = None,
) -> CrossEmbedding:
    """Train ``folds + 1`` networks, and describe every training case by one that left it out.

    Parameters
    ----------
    train : Train
        Training part of an outer fold: patients outside it move nothing here.
    crops : Crops
        Pictures of these cases, and of those to be described later.
    params : FitParams
        Network, head and loop.
    prefix : FeatureName
        Phase, region and filter of the columns.
    folds : int
        Divisions of the training patients.
    session : Session, optional
        Seed, workers, listeners; a state to go on from is not taken, as there are many.

    Notes
    -----
    The networks start from the same weights, and the vectors of each are standardised by its
    own training cases.  Even so the same column need not mean quite the same in two networks:
    prefer frozen networks, or scores, where a column must be named.
    """
    session = replace(session or Session(), resume=None, keep=None)
    train = in_case_order(train)
    patients = train.table.patients
    rng = generator(session.seed, "cross")
    fold_of = deal_folds(patients, train.outcome.strata, folds, rng)
    parts = []
    for at in range(folds):
        score = frozenset(p for p, f in zip(patients, fold_of, strict=True) if f == at)
        fold = Fold(frozenset(patients) - score, score, f"cross fold {at + 1}")
        part = fold.train(train)
        fitted = fit_network(part, crops, params, session)
        parts.append(Standard(fitted, part, prefix)(fold.test(train)))
    values = np.vstack([part.values for part in parts])
    cases = tuple(case for part in parts for case in part.cases)
    owners = tuple(patient for part in parts for patient in part.patients)
    unseen = FeatureTable(values, cases, parts[0].columns, owners).rows(train.table.cases)
    return CrossEmbedding(train, fit_network(train, crops, params, session), prefix, unseen)


class Standard:
    """Vectors of a network, in SDs of the cases that it learned from."""

    def __init__(self, fitted: FittedNetwork, train: Train, prefix: FeatureName) -> None:
        self.fitted, self._prefix = fitted, prefix
        own = self._vectors(train.table).values
        self._mean: Float[np.ndarray, " column"] = np.nanmean(own, axis=0)
        spread = np.nanstd(own, axis=0)
        self._scale: Float[np.ndarray, " column"] = np.where(spread > 0, spread, 1.0)

    def _vectors(self, table: FeatureTable) -> FeatureTable:
        crops = self.fitted.crops.of(table.cases)
        return embed(self.fitted.network, crops, table, self._prefix)

    def __call__(self, table: FeatureTable) -> FeatureTable:
        """Return standardised vectors of cases that the network has not seen."""
        found = self._vectors(table)
        return found.with_values((found.values - self._mean) / self._scale)
