# SPDX-License-Identifier: Apache-2.0
"""From training cases and their pictures to a network that refuses to score them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import LeakError, StudyError
from hepacast.core.folds import Fitted, Fold, Train
from hepacast.core.provenance import content_key, digest_array, digest_bytes, generator
from hepacast.core.table import FeatureName
from hepacast.deep.heads import HEADS, Head, default_head
from hepacast.deep.networks import NetworkParams, build
from hepacast.deep.require import require
from hepacast.deep.training import FitParams, Session
from hepacast.stats.dealing import deal_folds, in_case_order

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

    from hepacast.core.folds import Cohort
    from hepacast.core.table import FeatureTable
    from hepacast.deep.crops import Crops
    from hepacast.deep.feed import Material
    from hepacast.deep.modules.network import Network

VERSION = 2
"""Raised whenever the same data and settings give other weights."""


class FittedNetwork(Fitted):
    """A network that learned from some patients, and the pictures of all.

    Its output is one column, the risk of the head; higher is worse.

    Parameters
    ----------
    train : Train
        What it learned from, the inner part included.
    name : str
        Of the column of scores.
    network : Network
        With the weights of the best epoch.
    head : Head
        Reads its logits.
    crops : Crops
        Pictures of every case that may be scored.

    Attributes
    ----------
    history : list of dict
        Losses by epoch.
    held_out : Cohort or None
        Scores and outcome of the inner part: of patients that chose the epoch but moved no weight.
    """

    def __init__(self, train: Train, name: str, network: Network, head: Head, crops: Crops) -> None:
        super().__init__(train)
        self.name, self.network, self.head, self.crops = name, network, head, crops
        self.columns = train.table.columns
        self.scale = Scale(train)
        self.history: list[dict[str, float]] = []
        self.held_out: Cohort | None = None

    def _apply(self, table: FeatureTable) -> FeatureTable:
        column = FeatureName.score(self.name)
        if not len(table):
            return table.with_values(np.zeros((0, 1)), (column,))
        loop = require("hepacast.deep.loop")
        crops = self.crops.of(table.cases)
        at = {case: row for row, case in enumerate(table.cases)}
        case_of = np.array([at[case] for case in crops.cases])
        columns = self.scale(table.select(self.columns))
        risks = self.head.risk(loop.logits_of(self.network, crops, columns[case_of]))
        pooled = self.head.pooled([risks[case_of == row] for row in range(len(table))])
        return table.with_values(pooled.double().numpy()[:, None], (column,))

    def embed(self, table: FeatureTable, prefix: FeatureName) -> FeatureTable:
        """Return the vectors of patients whom it has never seen, averaged over their pictures.

        Parameters
        ----------
        table : FeatureTable
            Whose rows to describe.
        prefix : FeatureName
            Phase, region and filter of the new columns.

        Raises
        ------
        LeakError
            If one of them was seen in training.
        """
        from hepacast.deep.embed import embed  # noqa: PLC0415 - it describes fitted networks too

        if again := self.seen.intersection(table.patients):
            raise LeakError(
                what="a network may not describe patients it learned from",
                got=f"{len(again)} seen in training, the first is {min(again)!r}",
                fix="Describe them with a network that left them out: cross_embed().",
            )
        return embed(self.network, self.crops.of(table.cases), table, prefix)


class Scale:
    """Means and SDs of the training cases; a column without spread becomes 0."""

    def __init__(self, train: Train) -> None:
        values = train.table.complete("a network")
        self.mean = values.mean(axis=0)
        spread = values.std(axis=0)
        self.factor = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0.0)

    def __call__(self, table: FeatureTable) -> Float32[np.ndarray, "case column"]:
        """Return standardised columns."""
        values: Float[np.ndarray, "case column"] = table.complete("a network")
        scaled: Float32[np.ndarray, "case column"] = (values - self.mean) * self.factor
        return scaled.astype(np.float32)


def fit_network(
    train: Train, crops: Crops, params: FitParams, session: Session | None = None
) -> FittedNetwork:
    """Train a network on the pictures of training cases.

    Parameters
    ----------
    train : Train
        Cases with their outcome; their columns feed networks that read a table.
    crops : Crops
        Pictures of these cases, and of those to be scored later: only the training cases'
        are looked at here.
    params : FitParams
        Network, head and loop.
    session : Session, optional
        Seed, workers, and what to do after every epoch.

    Returns
    -------
    FittedNetwork
        Scores patients whom it has never seen; higher is worse.

    Raises
    ------
    GeometryError
        If the network cannot read the pictures: wrong number of phases, too small a crop.
    NotEstimableError
        If a class, or any event, is missing; :class:`DivergedError` if the loss is no number.
    StudyError
        If the network and the columns do not fit, or torch is missing.

    Notes
    -----
    Patients are divided, never pictures: a part of them (``inner_share``) chooses the epoch.
    The same seed gives the same bits on one kind of CPU, whatever the number of workers,
    interrupted and resumed or not.

    Examples
    --------
    >>> from hepacast.core.folds import Cohort
    >>> from hepacast.core.outcome import Binary
    >>> from hepacast.core.table import FeatureTable
    >>> from hepacast.deep.crops import Crops
    >>> cases = tuple("abcdefghijkl")
    >>> pixels = generator(7).random((12, 9, 16, 16), dtype=np.float32)
    >>> outcome = Binary(np.arange(12) % 2 == 0)
    >>> cohort = Cohort(FeatureTable(np.zeros((12, 0)), cases, ()), outcome)
    >>> fold = Fold(frozenset(cases[2:]), frozenset(cases[:2]))
    >>> params = FitParams.model_validate({"loop": {"epochs": 1, "batch": 8}})
    >>> fitted = fit_network(fold.train(cohort), Crops(pixels, cases), params)
    >>> fitted.apply(fold.test(cohort)).cases, len(fitted.held_out)
    (('a', 'b'), 2)
    """
    session = session or Session()
    train = in_case_order(train)
    learn, watch = _divide(train, params.loop.inner_share, session.seed)
    spec = params.head or default_head(train.outcome)
    head = HEADS[spec](learn.outcome, spec)
    network = build(_network(params, head, train), session.seed)
    network.check(crops.pixels.shape[1:])
    fitted = FittedNetwork(train, session.name, network, head, crops)
    fitted.scale = Scale(learn)

    feeds, loop = require("hepacast.deep.feed"), require("hepacast.deep.loop")
    material = _material(learn, crops, head, fitted.scale)
    feed = feeds.Feed(material, params.loop, session.seed, session.workers)
    feed.one_per_case = head.one_per_case
    watched = None if watch is None else _material(watch, crops, head, fitted.scale)
    trainer = loop.Trainer(network, head, feed, watched, params.loop, session)
    trainer.run(_key(train, crops, params, session.seed))
    fitted.history = trainer.history
    if watch is not None:
        fitted.held_out = watch.with_table(fitted._apply(watch.table))
    return fitted


def _divide(train: Train, share: float, seed: int) -> tuple[Train, Train | None]:
    """Set the patients aside that choose the epoch."""
    if share == 0:
        return train, None
    patients = train.table.patients
    folds = max(2, round(1 / share))
    fold = deal_folds(patients, train.outcome.strata, folds, generator(seed, "inner"))
    aside = frozenset(p for p, f in zip(patients, fold, strict=True) if f == 0)
    rest = frozenset(patients) - aside
    # Both parts learn something: the weights, and the epoch.
    parts = (Fold(one, frozenset(), "inner part").train(train) for one in (rest, aside))
    learn, watch = parts
    return learn, watch


def _network(params: FitParams, head: Head, train: Train) -> NetworkParams:
    """Fit the settings of the network to the head and the columns."""
    network, count = params.network, len(train.table.columns)
    if not isinstance(network, NetworkParams):
        raise TypeError(network)
    reads = "columns" in type(network).model_fields
    if bool(count) != reads:
        raise StudyError(
            what=f"network {network.model_dump()['kind']!r} reads "
            + ("a picture and table columns" if reads else "a picture only"),
            got=f"{count} table columns",
            fix="Use the fusion network for columns, and only for columns.",
        )
    update = {"out": head.out} | ({"columns": count} if reads else {})
    return network.model_copy(update=update)


def _material(part: Train, crops: Crops, head: Head, scale: Scale) -> Material:
    """Bring pictures, columns and targets of some cases together."""
    feeds = require("hepacast.deep.feed")
    own = crops.of(part.table.cases)
    at = {case: row for row, case in enumerate(part.table.cases)}
    material: Material = feeds.Material(
        crops=own,
        case_of=np.array([at[case] for case in own.cases], dtype=np.int64),
        table=scale(part.table),
        targets=head.targets(part.outcome),
        strata=part.outcome.strata,
    )
    return material


def _key(train: Train, crops: Crops, params: FitParams, seed: int) -> str:
    """Name data, settings and seed, so that a kept state is used for nothing else."""
    own = crops.of(train.table.cases)
    rows = repr((own.cases, own.phases, own.present.tolist(), train.table.patients))
    outcome = train.outcome
    days = getattr(outcome, "time_days", np.zeros(0))
    inputs = {
        "pixels": digest_array(own.pixels),
        "rows": digest_bytes(rows.encode()),
        "columns": digest_array(train.table.values),
        "outcome": digest_bytes(repr((outcome.strata.tolist(), days.tolist())).encode()),
    }
    return content_key("train", VERSION, {"seed": seed, **params.model_dump(mode="json")}, inputs)
