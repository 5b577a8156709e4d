# SPDX-License-Identifier: Apache-2.0
"""One region of one image, with everything that families share counted at most once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hepacast.radiomics.discretise import bin_edges
from hepacast.radiomics.settings import Bins, Texture

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from hepacast.core.geometry import Triple


@dataclass(eq=False)
class Place:
    """Where the voxels of a region are: what all images of a case have in common.

    Parameters
    ----------
    mask : (k, j, i) bool
        The region, on the grid (or box) of the images to come.
    spacing : tuple of float
        (k, j, i), mm.
    pad : int
        Voxels of padding of the level volume; the longest distance of a texture.
    """

    mask: Bool[np.ndarray, "k j i"]
    spacing: Triple
    pad: int = 1

    @cached_property
    def index(self) -> Int[np.ndarray, " voxel"]:
        """Flat index of every voxel into an image of the mask's shape."""
        inside: Int[np.ndarray, " voxel"] = np.flatnonzero(self.mask)
        return inside

    @property
    def size(self) -> int:
        """Voxels inside."""
        return int(self.index.size)

    @cached_property
    def corners(self) -> tuple[Int[np.ndarray, 3], Int[np.ndarray, 3]]:
        """First and last (k, j, i) of the region's box."""
        kji = np.unravel_index(self.index, self.mask.shape)
        return np.array([a.min() for a in kji]), np.array([a.max() for a in kji])

    @cached_property
    def box_shape(self) -> tuple[int, int, int]:
        """Voxels of the region's box along (k, j, i)."""
        first, last = self.corners
        k, j, i = (last - first + 1).tolist()
        return k, j, i

    @cached_property
    def voxels(self) -> Int[np.ndarray, "voxel 3"]:
        """(k, j, i) of every voxel in the padded box."""
        kji = np.stack(np.unravel_index(self.index, self.mask.shape), axis=1)
        shifted: Int[np.ndarray, "voxel 3"] = kji - self.corners[0] + self.pad
        return shifted

    @cached_property
    def padded_shape(self) -> tuple[int, int, int]:
        """Shape of the padded box."""
        k, j, i = (n + 2 * self.pad for n in self.box_shape)
        return k, j, i

    @cached_property
    def places(self) -> Int[np.ndarray, " voxel"]:
        """Flat index of every voxel into the padded box."""
        flat: Int[np.ndarray, " voxel"] = np.ravel_multi_index(
            tuple(self.voxels.T), self.padded_shape
        ).astype(np.int64)
        return flat

    @cached_property
    def box_mask(self) -> Bool[np.ndarray, "k j i"]:
        """The region in its box, padded by one voxel whatever ``pad`` is."""
        first, last = self.corners
        inner = self.mask[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))]
        padded: Bool[np.ndarray, "k j i"] = np.pad(inner, 1)
        return padded

    def steps(self, texture: Texture) -> Int[np.ndarray, "direction 3"]:
        """(k, j, i) of one half of all directions that fit into the region's box.

        The opposite half follows by symmetry.  In the order in which PyRadiomics
        writes its matrices.
        """
        longest = max(texture.distances)
        wanted = set(texture.distances)
        rows = [
            step
            for step in product(range(longest, -longest - 1, -1), repeat=3)
            if step > (0, 0, 0)
            and max(map(abs, step)) in wanted
            and all(abs(s) < n for s, n in zip(step, self.box_shape, strict=True))
            and not (texture.flat and step[texture.flat_axis] != 0)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    def strides(self, steps: Int[np.ndarray, "direction 3"]) -> Int[np.ndarray, " direction"]:
        """Flat steps in the padded box."""
        _, j, i = self.padded_shape
        flat: Int[np.ndarray, " direction"] = steps @ np.array([j * i, i, 1], dtype=np.int64)
        return flat


@dataclass(eq=False)
class Sample:
    """The intensities of one region in one image.

    Matrices are counted on first use and kept, so that families which need the
    same one share it.

    Parameters
    ----------
    place : Place
        The region.
    pixels : (voxel,) array
        Intensities in the order of ``place.index``, in the pixel type of the image.
    bins, texture : Bins, Texture
        Settings.
    shift : float
        Added to every intensity in energies.
    """

    place: Place
    pixels: Float[np.ndarray, " voxel"]
    bins: Bins = field(default_factory=Bins)
    texture: Texture = field(default_factory=Texture)
    shift: float = 0.0

    @cached_property
    def values(self) -> Float[np.ndarray, " voxel"]:
        """Intensities as float64."""
        return self.pixels.astype(np.float64)

    @cached_property
    def extremes(self) -> tuple[np.generic, np.generic]:
        """Lowest and highest intensity, in the pixel type of the image."""
        return self.pixels.min(), self.pixels.max()

    @cached_property
    def _levelled(self) -> tuple[Int[np.ndarray, "k j i"], Int[np.ndarray, " level"]]:
        from hepacast.radiomics.kernels.values import digitise

        edges = bin_edges(*self.extremes, self.bins)
        kind = np.uint8 if edges.size <= 255 else np.uint16
        levels = np.zeros(self.place.padded_shape, kind)
        counts = digitise(self.values, edges, self.place.places, levels.reshape(-1))
        return levels, counts

    @property
    def levels(self) -> Int[np.ndarray, "k j i"]:
        """Level volume in the padded box; 0 outside the region, 1 is the first bin."""
        return self._levelled[0]

    @cached_property
    def present(self) -> Int[np.ndarray, " level"]:
        """Grey levels that occur, ascending."""
        levels: Int[np.ndarray, " level"] = np.flatnonzero(self._levelled[1]) + 1
        return levels

    @property
    def highest(self) -> int:
        """Highest grey level."""
        return int(self.present[-1])

    @cached_property
    def probabilities(self) -> Float[np.ndarray, " level"]:
        """Share of the voxels at each level that occurs."""
        counts = self._levelled[1]
        share: Float[np.ndarray, " level"] = counts[counts > 0] / self.place.size
        return share

    @cached_property
    def steps(self) -> Int[np.ndarray, "direction 3"]:
        """(k, j, i) of one half of the directions."""
        return self.place.steps(self.texture)

    @cached_property
    def _neighbourhoods(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from hepacast.radiomics.kernels.neighbours import neighbourhoods

        counted: tuple[np.ndarray, np.ndarray, np.ndarray] = neighbourhoods(
            self.levels.reshape(-1),
            self.place.places.astype(np.uint64),
            self.place.strides(self.steps),
            self.highest,
            self.texture.alpha,
        )
        return counted

    @property
    def pairs(self) -> Int[np.ndarray, "level direction level"]:
        """How often two levels lie one step apart, by direction; level 0 is outside."""
        return self._neighbourhoods[0]

    @property
    def dependence(self) -> Int[np.ndarray, "level size"]:
        """Voxels by level and number of dependent neighbours."""
        return self._neighbourhoods[1]

    @property
    def difference(self) -> Int[np.ndarray, "level neighbour"]:
        """Sum of ``|level * n - sum of n neighbours|`` by level and n."""
        return self._neighbourhoods[2]

    @cached_property
    def run_steps(self) -> Int[np.ndarray, "direction 3"]:
        """(k, j, i) of the directions along which runs are counted."""
        return self.place.steps(self.texture.model_copy(update={"distances": (1,)}))

    @cached_property
    def runs(self) -> Int[np.ndarray, "level direction length"]:
        """Runs by level, direction and length; level 0 and length 0 are empty.

        A direction along which no line holds two voxels of the region is empty.
        """
        from hepacast.radiomics.kernels.runs import has_neighbour, positions_in_runs

        steps = self.run_steps
        at_least = positions_in_runs(self.levels, steps, self.highest)
        counts: Int[np.ndarray, "level direction length"] = at_least.copy()
        counts[:, :, 1:-1] -= at_least[:, :, 2:]
        counts[:, ~has_neighbour(self.levels, self.place.voxels, steps)] = 0
        return counts

    @cached_property
    def zones(self) -> tuple[Int[np.ndarray, " zone"], Int[np.ndarray, " zone"]]:
        """Level and size of every zone."""
        from hepacast.radiomics.kernels.zones import zone_sizes

        level, size = zone_sizes(
            self.levels.reshape(-1),
            self.place.places.astype(np.uint64),
            self.place.strides(self.run_steps),
        )
        return level, size
