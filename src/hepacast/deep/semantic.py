# SPDX-License-Identifier: Apache-2.0
"""Deep semantic features: a U-Net learns to outline the lesion, and its levels describe a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field as Setting

from hepacast.core.errors import GeometryError, LeakError
from hepacast.core.folds import Fitted, Fold, Train
from hepacast.core.params import Params
from hepacast.core.provenance import content_key, digest_array, generator
from hepacast.deep.embed import embed
from hepacast.deep.heads import Head
from hepacast.deep.networks import UNet2dParams, build
from hepacast.deep.require import require
from hepacast.deep.training import LoopParams, Session
from hepacast.stats.dealing import deal_folds, in_case_order

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32
    from torch import Tensor

    from hepacast.core.outcome import Outcome
    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.deep.crops import Crops
    from hepacast.deep.feed import Material
    from hepacast.deep.modules.network import Network


class SemanticParams(Params):
    """A U-Net and how it learns the masks."""

    network: UNet2dParams = UNet2dParams()
    loop: LoopParams = Setting(
        default_factory=lambda: LoopParams(batch=8, optimiser="adam", learning_rate=1e-3)
    )


class SemanticFeatures(Fitted):
    """A segmentation network whose pooled levels are columns, for patients it never saw.

    Parameters
    ----------
    train : Train
        Whose masks it learned.
    network : Network
        The trained U-Net.
    crops : Crops
        Pictures of every case that may be described.
    prefix : FeatureName
        Phase, region and filter of the columns.
    """

    def __init__(self, train: Train, network: Network, crops: Crops, prefix: FeatureName) -> None:
        super().__init__(train)
        self.network, self.crops, self.prefix = network, crops, prefix
        self.history: list[dict[str, float]] = []

    def _apply(self, table: FeatureTable) -> FeatureTable:
        return embed(self.network, self.crops.of(table.cases), table, self.prefix)

    def dice(
        self, table: FeatureTable, masks: Bool[np.ndarray, "item j i"]
    ) -> Float[np.ndarray, " case"]:
        """Return the Dice overlap of every case that it never saw, over all its pictures.

        Parameters
        ----------
        table : FeatureTable
            Which cases.
        masks : (item, j, i) bool
            Of all pictures, in the order of the crops; a case whose mask and outline are both
            empty has 1.

        Raises
        ------
        LeakError
            If one of the patients was seen in training.
        """
        if again := self.seen.intersection(table.patients):
            raise LeakError(
                what="an overlap is judged on patients that the network has not seen",
                got=f"{len(again)} seen in training, the first is {min(again)!r}",
                fix="Leave them out of the judgement.",
            )
        found = []
        for case in table.cases:
            rows = self.crops.rows_of([case])
            logits = require("hepacast.deep.loop").logits_of(
                self.network, self.crops.of([case]), np.zeros((len(rows), 0), np.float32)
            )
            outline, drawn = (logits[:, 0] > 0).numpy(), masks[rows]
            total = int(outline.sum()) + int(drawn.sum())
            found.append(2 * int((outline & drawn).sum()) / total if total else 1.0)
        return np.array(found)


class _MaskHead(Head):
    """Pixels inside or outside; the outcome is not looked at."""

    def targets(self, outcome: Outcome) -> Float32[np.ndarray, "case target"]:
        """Return nothing: the masks are the targets."""
        return np.zeros((len(outcome), 0), np.float32)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of :func:`hepacast.deep.losses.mask_loss`."""
        loss: Tensor = require("hepacast.deep.losses").mask_loss(logits, targets)
        return loss

    def risk(self, logits: Tensor) -> Tensor:
        """Return the mean chance of a pixel: the share of the picture that is lesion."""
        return logits.sigmoid().mean(dim=(1, 2, 3))


def learn_semantic(
    train: Train,
    crops: Crops,
    masks: Bool[np.ndarray, "item j i"],
    params: SemanticParams,
    prefix: FeatureName,
    session: Session | None = None,
) -> SemanticFeatures:
    """Train a U-Net on the masks of training cases.

    Parameters
    ----------
    train : Train
        Whose masks are learned; their outcome moves nothing, not even the inner split.
    crops : Crops
        Pictures, at best every slice with the lesion.
    masks : (item, j, i) bool
        Lesion on every picture; those of other cases are not looked at.
    params : SemanticParams
        Network and loop.
    prefix : FeatureName
        Phase, region and filter of the columns.
    session : Session, optional
        Seed, workers, and what to do after every epoch.

    Returns
    -------
    SemanticFeatures
        ``apply`` gives the averages of all levels (992 columns by default), refused for the
        patients whose masks it learned: patients who trained the network in a development cohort
        would otherwise be described better than any later one.

    Raises
    ------
    GeometryError
        If masks and pictures differ in size.
    """
    session = session or Session(name="semantic")
    train = in_case_order(train)
    if masks.shape != (len(crops), *crops.pixels.shape[2:]):
        raise GeometryError(
            what="every picture needs a mask of its own size",
            got=f"masks {masks.shape}, pictures {crops.pixels.shape}",
            fix="Cut image and mask on one grid.",
        )
    learn, watch = _divide(train, params.loop.inner_share, session.seed)
    network = build(params.network, session.seed)
    network.check(crops.pixels.shape[1:])
    feeds, loop = require("hepacast.deep.feed"), require("hepacast.deep.loop")
    material = _material(learn, crops, masks)
    feed = feeds.Feed(material, params.loop, session.seed, session.workers)
    watched = None if watch is None else _material(watch, crops, masks)
    trainer = loop.Trainer(network, _MaskHead(), feed, watched, params.loop, session)
    rows = crops.rows_of(train.table.cases)
    inputs = {"pixels": digest_array(crops.pixels[rows]), "masks": digest_array(masks[rows])}
    settings = {"seed": session.seed, **params.model_dump(mode="json")}
    trainer.run(content_key("semantic", 2, settings, inputs))
    found = SemanticFeatures(train, network, crops, prefix)
    found.history = trainer.history
    return found


def _divide(train: Train, share: float, seed: int) -> tuple[Train, Train | None]:
    """Set the patients aside that choose the epoch, whatever happened to them."""
    if share == 0:
        return train, None
    patients = train.table.patients
    alike = np.zeros(len(patients), dtype=np.int64)
    fold = deal_folds(patients, alike, max(2, round(1 / share)), generator(seed, "inner"))
    aside = frozenset(p for p, f in zip(patients, fold, strict=True) if f == 0)
    rest = frozenset(patients) - aside
    learn, watch = (Fold(one, frozenset(), "inner part").train(train) for one in (rest, aside))
    return learn, watch


def _material(part: Train, crops: Crops, masks: Bool[np.ndarray, "item j i"]) -> Material:
    """Bring pictures and masks of some cases together."""
    rows = crops.rows_of(part.table.cases)
    own = crops.of(part.table.cases)
    at = {case: row for row, case in enumerate(part.table.cases)}
    count = len(part)
    material: Material = require("hepacast.deep.feed").Material(
        crops=own,
        case_of=np.array([at[case] for case in own.cases], dtype=np.int64),
        table=np.zeros((count, 0), np.float32),
        targets=np.zeros((count, 0), np.float32),
        strata=np.zeros(count, dtype=np.int64),
        masks=masks[rows][:, None].astype(np.float32),
    )
    return material
