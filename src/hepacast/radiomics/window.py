# SPDX-License-Identifier: Apache-2.0
"""The cube around a voxel: its places, pairs, lines and neighbours, listed once for all voxels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Int

    from hepacast.radiomics.settings import Texture

Lists = tuple[np.ndarray, np.ndarray]
"""Whole numbers end to end, and where each list begins."""


@dataclass(eq=False)
class Window:
    """The neighbourhood that a feature map looks at, in steps from the voxel in its middle.

    Parameters
    ----------
    radius : int
        Half an edge, voxels.
    texture : Texture
        Distances, and whether neighbours lie within slices only.

    Examples
    --------
    >>> from hepacast.radiomics.settings import Texture
    >>> len(Window(1, Texture()).places), len(Window(2, Texture(flat=True)).places)
    (27, 25)
    """

    radius: int
    texture: Texture

    @cached_property
    def places(self) -> Int[np.ndarray, "place 3"]:
        """(k, j, i) of every place of the window; the middle is 0."""
        reach = [range(-self.radius, self.radius + 1)] * 3
        if self.texture.flat:
            reach[self.texture.flat_axis] = range(1)
        return np.array(list(product(*reach)), np.int64)

    @cached_property
    def _at(self) -> dict[tuple[int, ...], int]:
        return {tuple(place): n for n, place in enumerate(self.places.tolist())}

    def steps(self, distances: tuple[int, ...]) -> Int[np.ndarray, "direction 3"]:
        """(k, j, i) of one half of the directions that fit into the window."""
        longest = max(distances)
        rows = [
            step
            for step in product(range(longest, -longest - 1, -1), repeat=3)
            if step > (0, 0, 0)
            and max(map(abs, step)) in distances
            and all(abs(s) <= 2 * self.radius for s in step)
            and not (self.texture.flat and step[self.texture.flat_axis] != 0)
        ]
        return np.array(rows, np.int64).reshape(-1, 3)

    def pairs(self, distances: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List the pairs of places one step apart.

        Returns
        -------
        first, second : (pair,) int64
            Places, direction by direction.
        start : (direction + 1,) int64
            Where the pairs of a direction begin.
        """
        ends: list[tuple[int, int]] = []
        start = [0]
        for step in self.steps(distances).tolist():
            for place, n in self._at.items():
                other = self._at.get(tuple(np.add(place, step).tolist()))
                if other is not None:
                    ends.append((n, other))
            start.append(len(ends))
        both = np.array(ends, np.int64).reshape(-1, 2)
        return both[:, 0].copy(), both[:, 1].copy(), np.array(start, np.int64)

    def lines(self) -> Lists:
        """List the places along every line, -1 at its end, direction by direction."""
        path: list[int] = []
        start = [0]
        for step in self.steps((1,)).tolist():
            for place, n in self._at.items():
                if tuple(np.subtract(place, step).tolist()) in self._at:
                    continue
                here, at = place, n
                while at >= 0:
                    path.append(at)
                    here = tuple(np.add(here, step).tolist())
                    at = self._at.get(here, -1)
                path.append(-1)
            start.append(len(path))
        return np.array(path, np.int64), np.array(start, np.int64)

    def neighbours(self) -> Lists:
        """List the places next to every place."""
        first, second, _ = self.pairs((1,))
        ends = np.concatenate([first, second])
        others = np.concatenate([second, first])
        order = np.argsort(ends, kind="stable")
        start = np.searchsorted(ends[order], np.arange(len(self.places) + 1))
        return others[order], start.astype(np.int64)
