# SPDX-License-Identifier: Apache-2.0
"""Batches in an order that only the seed and the epoch decide."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hepacast.core.provenance import generator
from hepacast.deep.augment import add_noise, move, shade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Bool, Float32, Int

    from hepacast.deep.crops import Crops
    from hepacast.deep.training import LoopParams


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures, table columns and targets of one update."""

    pixels: Tensor
    table: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a network learns from: pictures, and per case its columns, target and class.

    Parameters
    ----------
    crops : Crops
        Pictures of the cases.
    case_of : (item,) int
        Row of the case of every picture.
    table : (case, column) float32
        Standardised columns; may have none.
    targets : (case, target) float32
        As the head made them.
    strata : (case,) int
        Class or event, spread evenly over the batches.
    masks : (item, 1, j, i) float32, optional
        What a segmentation network must find; then the targets are these, moved as the picture.
    """

    crops: Crops
    case_of: Int[np.ndarray, " item"]
    table: Float32[np.ndarray, "case column"]
    targets: Float32[np.ndarray, "case target"]
    strata: Int[np.ndarray, " case"]
    masks: Float32[np.ndarray, "item one j i"] | None = None


class Feed:
    """Batches of one training, epoch by epoch.

    Everything random about a picture comes from the seed, the epoch, the case and
    which of its pictures it is: not from its place in a batch, a thread or a process.
    """

    def __init__(self, material: Material, params: LoopParams, seed: int, workers: int) -> None:
        self.material, self.params, self.seed, self.workers = material, params, seed, workers
        self.one_per_case = False
        cases = material.crops.cases
        first: dict[str, int] = {}
        number = []
        for case in cases:
            number.append(first.get(case, 0))
            first[case] = number[-1] + 1
        self._name = [f"{case}/{at}" for case, at in zip(cases, number, strict=True)]
        self._items = _with_copies(material) if params.noise_copies else _plain(material)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        order = self._order(epoch)
        parts = np.split(order, len(order) // min(self.params.batch, len(order)))
        if self.workers < 2:
            yield from (self._batch(part, epoch) for part in parts)
            return
        with ThreadPoolExecutor(
            self.workers, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield from pool.map(lambda part: self._batch(part, epoch), parts)

    @property
    def length(self) -> int:
        """Batches per epoch."""
        count = len(self._order(0))
        return count // min(self.params.batch, count)

    def _order(self, epoch: int) -> Int[np.ndarray, "entry two"]:
        """Return (picture, copy) of one epoch, classes spread evenly, filled to whole batches."""
        rng = generator(self.seed, "order", epoch)
        items = self._items
        if self.one_per_case:
            shuffled = items[rng.permutation(len(items))]
            _, chosen = np.unique(self.material.case_of[shuffled[:, 0]], return_index=True)
            items = shuffled[chosen]
        strata = self.material.strata[self.material.case_of[items[:, 0]]]
        place = np.empty(len(items))
        for stratum in np.unique(strata):
            mine = np.flatnonzero(strata == stratum)
            place[mine] = (rng.permutation(len(mine)) + rng.random()) / len(mine)
        items = items[np.argsort(place, kind="stable")]
        batch = min(self.params.batch, len(items))
        return np.resize(items, (-(-len(items) // batch) * batch, 2))

    def _batch(self, part: Int[np.ndarray, "entry two"], epoch: int) -> Batch:
        """Make one batch."""
        material, params = self.material, self.params
        rows = part[:, 0]
        pixels = torch.from_numpy(material.crops.pixels[rows])
        copied = np.flatnonzero(part[:, 1])
        if len(copied):
            rngs = [
                generator(self.seed, "copy", self._name[r], c) for r, c in part[copied].tolist()
            ]
            sd = params.noise_variance**0.5
            pixels[copied] = add_noise(pixels[copied], sd, rngs)
        cases = material.case_of[rows]
        masks = material.masks
        targets = torch.from_numpy(material.targets[cases] if masks is None else masks[rows])
        pixels, targets = self._changed(pixels, targets, part, epoch)
        shown = material.crops.present[rows]
        if params.phase_dropout > 0:
            rngs = [
                generator(self.seed, "phases", epoch, self._name[r], c) for r, c in part.tolist()
            ]
            shown = np.stack(
                [_hide(s, params.phase_dropout, g) for s, g in zip(shown, rngs, strict=True)]
            )
        return Batch(blank(pixels, shown), torch.from_numpy(material.table[cases]), targets)

    def _changed(
        self, pixels: Tensor, targets: Tensor, part: Int[np.ndarray, "entry two"], epoch: int
    ) -> tuple[Tensor, Tensor]:
        """Turn and shade the pictures; masks turn with them, and are not shaded."""
        params = self.params.augment
        if params is None:
            return pixels, targets
        rngs = [generator(self.seed, "augment", epoch, self._name[r], c) for r, c in part.tolist()]
        if self.material.masks is None:
            return shade(move(pixels, params, rngs), params, rngs), targets
        both = move(torch.cat([pixels, targets], dim=1), params, rngs)
        count = pixels.shape[1]
        return shade(both[:, :count], params, rngs), (both[:, count:] > 0.5).to(both.dtype)


def blank(pixels: Tensor, shown: Bool[np.ndarray, "item phase"]) -> Tensor:
    """Return the pictures with 0 in every phase that is missing or hidden."""
    if shown.all():
        return pixels
    width = pixels.shape[1] // shown.shape[1]
    mask = torch.from_numpy(np.repeat(shown, width, axis=1)).to(pixels.dtype)
    return pixels * mask.reshape(*mask.shape, *(1,) * (pixels.ndim - 2))


def _hide(
    present: Bool[np.ndarray, " phase"], chance: float, rng: np.random.Generator
) -> Bool[np.ndarray, " phase"]:
    """Hide phases by chance, but never the last one that is left."""
    kept: Bool[np.ndarray, " phase"] = present & (rng.random(len(present)) >= chance)
    if kept.any() or not present.any():
        return kept
    kept[rng.choice(np.flatnonzero(present))] = True
    return kept


def _plain(material: Material) -> Int[np.ndarray, "entry two"]:
    """Return every picture once."""
    rows = np.arange(len(material.crops))
    return np.stack([rows, np.zeros_like(rows)], axis=1)


def _with_copies(material: Material) -> Int[np.ndarray, "entry two"]:
    """Return every picture once, and copies of the rarer class up to equal numbers."""
    items = [_plain(material)]
    strata = material.strata[material.case_of]
    most = np.bincount(strata).max()
    for stratum in np.unique(strata):
        mine = np.flatnonzero(strata == stratum)
        extra = np.arange(most - len(mine))
        items.append(np.stack([mine[extra % len(mine)], 1 + extra // len(mine)], axis=1))
    return np.concatenate(items)
