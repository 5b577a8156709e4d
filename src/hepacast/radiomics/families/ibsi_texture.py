# SPDX-License-Identifier: Apache-2.0
"""Texture matrices as IBSI aggregates them: by slice or in space, averaged or merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.radiomics.families.ibsi_names import (
    COOCCURRENCE,
    DEPENDENCE,
    DIFFERENCE,
    DISTANCE,
    RUNS,
    ZONES,
)  # fmt: skip
from hepacast.radiomics.families.ngtdm import describe
from hepacast.radiomics.families.registry import FAMILIES, Family
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.settings import Bins, FamilyParams, Texture

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.radiomics.families.registry import Feature, Numbers

Directional = Literal["2D-avg", "2D-smrg", "2.5D-dmrg", "2.5D-vmrg", "3D-avg", "3D-mrg"]
Volumetric = Literal["2D", "2.5D", "3D"]
Stack = Sequence[Sequence[np.ndarray]]
"""Matrices by slice (one in 3D) and direction."""


class DirectionalParams(FamilyParams):
    """Settings of a family whose matrices have a direction."""

    aggregation: Directional = "3D-mrg"
    """Features of which matrices: each one (avg), those merged by slice, direction or wholly."""

    @property
    def token(self) -> str:
        """Family and aggregation, for the names of features."""
        return f"{super().token}-{self.aggregation}"


class VolumetricParams(FamilyParams):
    """Settings of a family whose matrices have no direction."""

    aggregation: Volumetric = "3D"
    """One matrix per slice, those merged, or one of the volume."""

    @property
    def token(self) -> str:
        """Family and aggregation, for the names of features."""
        return f"{super().token}-{self.aggregation}"


class CooccurrenceParams(DirectionalParams):
    """Settings of the grey level co-occurrence features (IBSI, LFYI)."""

    kind: Literal["ibsi-cm"] = "ibsi-cm"


class RunLengthParams(DirectionalParams):
    """Settings of the grey level run length features (IBSI, TP0I)."""

    kind: Literal["ibsi-rlm"] = "ibsi-rlm"


class SizeZoneParams(VolumetricParams):
    """Settings of the grey level size zone features (IBSI, 9SAK)."""

    kind: Literal["ibsi-szm"] = "ibsi-szm"


class DistanceZoneParams(VolumetricParams):
    """Settings of the grey level distance zone features (IBSI, VMDZ)."""

    kind: Literal["ibsi-dzm"] = "ibsi-dzm"


class ToneDifferenceParams(VolumetricParams):
    """Settings of the neighbourhood grey tone difference features (IBSI, IPET)."""

    kind: Literal["ibsi-ngt"] = "ibsi-ngt"


class DependenceParams(VolumetricParams):
    """Settings of the neighbouring grey level dependence features (IBSI, REK0)."""

    kind: Literal["ibsi-ngl"] = "ibsi-ngl"


class Part:
    """A slice of a region, or all of it, with its matrices over all levels of the region.

    Parameters
    ----------
    sample : Sample
        Intensities are grey levels already.
    highest : int
        Highest grey level of the whole region.
    """

    def __init__(self, sample: Sample, highest: int) -> None:
        self.sample, self.highest = sample, highest

    def _filled(self, matrix: np.ndarray) -> Float[np.ndarray, "level size"]:
        """Give a matrix a row for every level of the region."""
        whole = np.zeros((self.highest, *matrix.shape[1:]))
        whole[: len(matrix)] = matrix
        return whole

    @cached_property
    def pairs(self) -> list[np.ndarray]:
        """Symmetric co-occurrence counts by direction."""
        counts = self.sample.pairs[1 : self.sample.highest + 1, :, 1 : self.sample.highest + 1]
        whole = np.zeros((counts.shape[1], self.highest, self.highest))
        whole[:, : len(counts), : len(counts)] = counts.transpose(1, 0, 2)
        return list(whole + whole.transpose(0, 2, 1))

    @cached_property
    def runs(self) -> list[np.ndarray]:
        """Run counts by direction."""
        return [self._filled(self.sample.runs[1:, d, 1:]) for d in range(self.sample.runs.shape[1])]

    @cached_property
    def zones(self) -> np.ndarray:
        """Zone counts by level and size."""
        level, size = self.sample.zones
        counts = np.zeros((self.highest, int(size.max())))
        np.add.at(counts, (level - 1, size - 1), 1)
        return counts

    @cached_property
    def distances(self) -> np.ndarray:
        """Zone counts by level and least distance to the edge of the region as drawn."""
        from scipy import ndimage

        place = self.sample.place
        # The edge of the image is an edge of the region too.
        outline = np.pad(place.outline, 1)
        if place.mask.shape[0] == 1 and self.sample.texture.flat:
            depth = ndimage.distance_transform_cdt(outline[1], "taxicab")[None]
        else:
            depth = ndimage.distance_transform_cdt(outline, "taxicab")[1:-1]
        depth = depth[:, 1:-1, 1:-1].reshape(-1)[place.index]
        levels = np.zeros(place.mask.shape, np.int64)
        levels.reshape(-1)[place.index] = self.sample.pixels
        counts = np.zeros((self.highest, int(depth.max())))
        near = np.zeros(place.mask.shape, np.int64)
        near.reshape(-1)[place.index] = depth
        for level in self.sample.present:
            label, n = ndimage.label(levels == level, np.ones((3, 3, 3)))
            least = ndimage.minimum(near, label, np.arange(1, n + 1)).astype(int)
            np.add.at(counts[level - 1], least - 1, 1)
        return counts

    @cached_property
    def dependence(self) -> np.ndarray:
        """Voxel counts by level and dependence."""
        return self._filled(self.sample.dependence[1:])

    @cached_property
    def tones(self) -> np.ndarray:
        """Voxels with a neighbour, and their summed difference, by level."""
        sample = self.sample
        alone = sample.place.neighbours(sample.run_steps) == 0
        lonely = np.bincount(sample.pixels[alone].astype(int), minlength=self.highest + 1)[1:]
        neighbours = np.arange(sample.difference.shape[1], dtype=np.float64)
        neighbours[0] = 1
        voxels = self._filled(sample.dependence[1:].sum(axis=1, keepdims=True))[:, 0] - lonely
        summed = self._filled((sample.difference[1:] / neighbours).sum(axis=1, keepdims=True))
        return np.stack([voxels, summed[:, 0]], axis=1)


def parts(sample: Sample, *, flat: bool) -> list[Part]:
    """Divide a region into its axial slices, or take it whole."""
    grey = np.zeros(sample.place.mask.shape, np.int64)
    grey.reshape(-1)[sample.place.index] = sample.levels.reshape(-1)[sample.place.places]
    texture = Texture(flat=flat, every_direction=True)
    bins = Bins(width=1.0, origin=1.0)
    made = []
    for k in range(len(grey)) if flat else [slice(None)]:
        cut = slice(k, k + 1) if isinstance(k, int) else k
        mask = sample.place.mask[cut]
        if mask.any():
            place = Place(mask, sample.place.spacing, 1, sample.place.outline[cut])
            levels = grey[cut].reshape(-1)[place.index].astype(np.float64)
            made.append(Part(Sample(place, levels, bins, texture), sample.highest))
    return made


def _sum(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Add matrices up; those with fewer sizes have none of the larger ones."""
    wide = max(m.shape[-1] for m in matrices)
    total: np.ndarray = sum(
        (np.pad(m, ((0, 0), (0, wide - m.shape[-1]))) for m in matrices),
        np.zeros((matrices[0].shape[0], wide)),
    )
    return total


def _merged(stack: Stack, aggregation: Directional) -> list[np.ndarray]:
    """Merge matrices as the aggregation asks for."""
    if aggregation in {"2D-avg", "3D-avg"}:
        return [m for one in stack for m in one]
    if aggregation == "2D-smrg":
        return [_sum(one) for one in stack]
    if aggregation == "2.5D-dmrg":
        return [_sum(one) for one in zip(*stack, strict=True)]
    return [_sum([m for one in stack for m in one])]


def _average(rows: Sequence[Sequence[float] | np.ndarray], names: Sequence[str]) -> Numbers:
    """Average features over matrices; one that is undefined for a matrix leaves it out."""
    if not rows:
        return dict.fromkeys(names, float("nan"))
    table = np.array(rows, dtype=np.float64)
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        means = np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)
    return dict(zip(names, means.tolist(), strict=True))


# Where describe_pairs puts what IBSI lists, in IBSI's order.
_PAIR_AT = (19, 1, 22, 11, 7, 9, 8, 20, 4, 21, 10, 5, 7, 16, 17, 14, 15, 18, 6, 0, 4, 3, 2, 12, 13)
# The same of describe_sizes.
_SIZE_AT = (0, 1, 10, 11, 12, 13, 14, 15, 2, 3, 4, 5, 6, 7, 8, 9)


def cooccurrence(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the co-occurrence features.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : CooccurrenceParams
        How matrices are aggregated.
    """
    from hepacast.radiomics.kernels.matrices import describe_pairs

    if not isinstance(params, CooccurrenceParams):
        raise TypeError
    stack = [p.pairs for p in parts(sample, flat=params.aggregation[0] == "2")]
    levels = np.arange(1, sample.highest + 1, dtype=np.float64)
    rows = [
        describe_pairs(m / m.sum(), levels, sample.highest)[list(_PAIR_AT)]
        for m in _merged(stack, params.aggregation)
        if m.sum() > 0
    ]
    return _average(rows, [f.name for f in COOCCURRENCE])


def _sizes(matrix: np.ndarray, voxels: float) -> np.ndarray:
    """Describe one matrix by level and size, in IBSI's order."""
    from hepacast.radiomics.kernels.matrices import describe_sizes

    levels = np.arange(1, matrix.shape[0] + 1, dtype=np.float64)
    sizes = np.arange(1, matrix.shape[1] + 1, dtype=np.float64)
    row: np.ndarray = describe_sizes(np.ascontiguousarray(matrix), levels, sizes, voxels)
    return row[list(_SIZE_AT)]


def run_lengths(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the run length features.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : RunLengthParams
        How matrices are aggregated.
    """
    if not isinstance(params, RunLengthParams):
        raise TypeError
    stack = [p.runs for p in parts(sample, flat=params.aggregation[0] == "2")]
    rows = [
        _sizes(m, float((m.sum(axis=0) * np.arange(1, m.shape[1] + 1)).sum()))
        for m in _merged(stack, params.aggregation)
    ]
    return _average(rows, [f.name for f in RUNS])


def _volumetric(
    sample: Sample, params: FamilyParams, matrix: Callable[[Part], np.ndarray]
) -> list[tuple[np.ndarray, int]]:
    """Matrices and voxels that the aggregation asks for."""
    if not isinstance(params, VolumetricParams):
        raise TypeError
    made = parts(sample, flat=params.aggregation[0] == "2")
    pieces = [(matrix(p), p.sample.place.size) for p in made]
    if params.aggregation == "2.5D":
        return [(_sum([m for m, _ in pieces]), sum(n for _, n in pieces))]
    return pieces


def size_zones(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the size zone features; see :func:`run_lengths` for the arguments."""
    pieces = _volumetric(sample, params, lambda part: part.zones)
    return _average([_sizes(m, n) for m, n in pieces], [f.name for f in ZONES])


def distance_zones(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the distance zone features; see :func:`run_lengths` for the arguments."""
    pieces = _volumetric(sample, params, lambda part: part.distances)
    return _average([_sizes(m, n) for m, n in pieces], [f.name for f in DISTANCE])


def dependences(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the dependence features; see :func:`run_lengths` for the arguments."""
    pieces = _volumetric(sample, params, lambda part: part.dependence)
    rows = [[*_sizes(m, n), float(((m / m.sum()) ** 2).sum())] for m, n in pieces]
    return _average(rows, [f.name for f in DEPENDENCE])


def tone_differences(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the grey tone difference features; see :func:`run_lengths` for the arguments."""
    rows: list[list[float]] = []
    for matrix, _ in _volumetric(sample, params, lambda part: part.tones):
        used = np.flatnonzero(matrix[:, 0] > 0)
        if used.size:
            numbers = describe(np.column_stack([matrix[used], used + 1.0]))
            rows.append([numbers[n] for n in _TONES])
    return _average(rows, [f.name for f in DIFFERENCE])


_TONES = ("Coarseness", "Contrast", "Busyness", "Complexity", "Strength")


def _register(
    params: type[FamilyParams],
    features: tuple[Feature, ...],
    compute: Callable[[Sample, FamilyParams], Numbers],
) -> None:
    FAMILIES.register(params)(Family(features, compute, "IBSI reference manual, 2020"))


_register(CooccurrenceParams, COOCCURRENCE, cooccurrence)
_register(RunLengthParams, RUNS, run_lengths)
_register(SizeZoneParams, ZONES, size_zones)
_register(DistanceZoneParams, DISTANCE, distance_zones)
_register(ToneDifferenceParams, DIFFERENCE, tone_differences)
_register(DependenceParams, DEPENDENCE, dependences)
