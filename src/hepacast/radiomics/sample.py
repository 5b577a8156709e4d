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
    drawn : (k, j, i) bool, optional
        The region before resegmentation, for morphology and distances to its edge.
    """

    mask: Bool[np.ndarray, "k j i"]
    spacing: Triple
    pad: int = 1
    drawn: Bool[np.ndarray, "k j i"] | None = None

    @property
    def outline(self) -> Bool[np.ndarray, "k j i"]:
        """The region before resegmentation."""
        return self.mask if self.drawn is None else self.drawn

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
        from hepacast.radiomics.kernels.masks import extent

        _, first, last = extent(self.mask)
        return first, last

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
            and (
                texture.every_direction
                or all(abs(s) < n for s, n in zip(step, self.box_shape, strict=True))
            )
            and not (texture.flat and step[texture.flat_axis] != 0)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    @cached_property
    def _filled(self) -> dict[bytes, np.ndarray]:
        return {}

    def filled(self, steps: Int[np.ndarray, "direction 3"]) -> Bool[np.ndarray, " direction"]:
        """Tell for every direction whether any line along it holds two voxels of the region."""
        from hepacast.radiomics.kernels.masks import holds_a_pair

        key = steps.tobytes()
        if key not in self._filled:
            on = np.zeros(self.padded_shape, dtype=bool)
            on.reshape(-1)[self.places] = True
            self._filled[key] = holds_a_pair(on, self.voxels, steps)
        return self._filled[key]

    @cached_property
    def _neighbours(self) -> dict[bytes, np.ndarray]:
        return {}

    def neighbours(self, steps: Int[np.ndarray, "direction 3"]) -> Int[np.ndarray, " voxel"]:
        """Count the neighbours of every voxel inside the region, at distance 1."""
        key = steps.tobytes()
        if key not in self._neighbours:
            on = np.zeros(self.padded_shape, np.uint8)
            on.reshape(-1)[self.places] = 1
            _, alike, _ = compare(on, self.strides(steps), across=3, wide=False)
            self._neighbours[key] = alike[self.places]
        return self._neighbours[key]

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
    image : (k, j, i) array, optional
        The image around the region, on the grid of ``place.mask``.
    """

    place: Place
    pixels: Float[np.ndarray, " voxel"]
    bins: Bins = field(default_factory=Bins)
    texture: Texture = field(default_factory=Texture)
    shift: float = 0.0
    image: Float[np.ndarray, "k j i"] | None = None

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

    @property
    def _adjacent(self) -> bool:
        """Whether neighbourhoods are the plain ones: distance 1, equal levels."""
        return self.texture.distances == (1,) and self.texture.alpha == 0

    @cached_property
    def _neighbourhoods(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs, dependences and differences at any distance."""
        from hepacast.radiomics.kernels.neighbours import neighbourhoods

        counted: tuple[np.ndarray, np.ndarray, np.ndarray] = neighbourhoods(
            self.levels.reshape(-1),
            self.place.places,
            self.place.strides(self.steps),
            self.highest,
            self.texture.alpha,
        )
        return counted

    @cached_property
    def _surroundings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Equal neighbours as bits, their number, and the sum of all neighbours."""
        wide = self.highest * 27 > np.iinfo(np.uint16).max
        across = self.texture.flat_axis if self.texture.flat else 3
        offsets = self.place.strides(self.run_steps)
        return compare(self.levels, offsets, across=across, wide=wide)

    @cached_property
    def _tallies(self) -> tuple[np.ndarray, np.ndarray]:
        """Dependences and differences at distance 1."""
        from hepacast.radiomics.kernels.neighbours import tally

        _, alike, total = self._surroundings
        neighbours = self.place.neighbours(self.run_steps)
        size = 2 * len(self.run_steps) + 1
        dependence, difference = np.zeros((2, self.highest + 1, size), np.int64)
        tally(
            self.levels.reshape(-1), self.place.places, alike, total, neighbours,
            size, dependence.reshape(-1), difference.reshape(-1),
        )  # fmt: skip
        return dependence, difference

    @cached_property
    def pairs(self) -> Int[np.ndarray, "level direction level"]:
        """How often two levels lie one step apart, by direction; level 0 is outside."""
        from hepacast.radiomics.kernels import neighbours as kernel

        if not self._adjacent:
            return self._neighbourhoods[0]
        levels, offsets = self.levels.reshape(-1), self.place.strides(self.steps)
        few = offsets.size == 13 and self.highest <= 15
        wide = 16 if few else self.highest + 1
        joint: Int[np.ndarray, "level direction level"]
        joint = np.zeros((wide, offsets.size, wide), np.uint32)
        if few:
            kernel.pairs_by_two(levels, self.place.places, offsets, joint.reshape(-1))
        else:
            kernel.pairs_alone(levels, self.place.places, offsets, joint.reshape(-1), wide)
        return joint

    @property
    def dependence(self) -> Int[np.ndarray, "level size"]:
        """Voxels by level and number of dependent neighbours."""
        return self._tallies[0] if self._adjacent else self._neighbourhoods[1]

    @property
    def difference(self) -> Int[np.ndarray, "level neighbour"]:
        """Sum of ``|level * n - sum of n neighbours|`` by level and n."""
        return self._tallies[1] if self._adjacent else self._neighbourhoods[2]

    @cached_property
    def run_steps(self) -> Int[np.ndarray, "direction 3"]:
        """(k, j, i) of the directions along which runs are counted."""
        return self.place.steps(self.texture.model_copy(update={"distances": (1,)}))

    @cached_property
    def runs(self) -> Int[np.ndarray, "level direction length"]:
        """Runs by level, direction and length; level 0 and length 0 are empty.

        A direction along which no line holds two voxels of the region is empty.
        """
        from hepacast.radiomics.kernels.runs import positions_in_runs

        steps = self.run_steps
        longest = max(self.place.box_shape)
        at_least = positions_in_runs(
            self.levels.reshape(-1), self.levels.shape,
            self.place.places, steps, self.highest, longest,
        )  # fmt: skip
        counts: Int[np.ndarray, "level direction length"] = at_least.copy()
        counts[:, :, 1:-1] -= at_least[:, :, 2:]
        if not self.texture.every_direction:
            counts[:, ~self.place.filled(self.run_steps)] = 0
        return counts

    @cached_property
    def zones(self) -> tuple[Int[np.ndarray, " zone"], Int[np.ndarray, " zone"]]:
        """Level and size of every zone."""
        from hepacast.radiomics.kernels.zones import joins, zone_sizes

        level, size = zone_sizes(
            self.levels.reshape(-1),
            self._surroundings[0],
            self.place.places,
            self.place.strides(self.run_steps),
            joins(tuple(map(tuple, self.run_steps.tolist()))),
        )
        return level, size


def compare(
    levels: Int[np.ndarray, "k j i"],
    offsets: Int[np.ndarray, " direction"],
    *,
    across: int,
    wide: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare every voxel with its neighbours.

    Parameters
    ----------
    levels : (k, j, i) uint8 or uint16
        Padded level volume.
    offsets : (direction,) int64
        Flat steps.
    across : int
        Axis along which voxels are no neighbours; 3 for none.
    wide : bool
        Sum in 32 bits instead of 16.

    Returns
    -------
    bits, alike, total : (padded voxel,) uint16, uint8 and uint16 or uint32
        Equal neighbours as bits and as a number, and the sum of all neighbours.
    """
    from hepacast.radiomics.kernels.neighbours import surroundings

    bits = np.zeros(levels.size, np.uint16)
    alike = np.zeros(levels.size, np.uint8)
    total = np.zeros(levels.size, np.uint32 if wide else np.uint16)
    surroundings(levels.reshape(-1), offsets, levels.shape, across, bits, alike, total)
    return bits, alike, total
