# SPDX-License-Identifier: Apache-2.0
"""The matrices that PyRadiomics keeps for its own tests, element by element."""

from __future__ import annotations

from functools import cache
from pathlib import Path  # noqa: TC003

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from hepacast.core.volume import Region
from hepacast.radiomics.families import glcm
from hepacast.radiomics.prepare import from_itk
from hepacast.radiomics.sample import Place, Sample

CASES = ("brain1", "breast1", "lung1")


@cache
def sample(folder: Path, case: str) -> Sample:
    """Levels of 25 in the region, as in the default setting."""
    data, grid = from_itk(sitk.ReadImage(str(folder / f"{case}_image.nrrd")))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{case}_label.nrrd"))) == 1
    box = Region(mask, grid).box()
    place = Place(mask[box], grid.spacing)
    return Sample(place, data[box][mask[box]])


def used(matrix: np.ndarray) -> np.ndarray:
    """Leave out the sizes (second axis) that no level and direction has."""
    sums = matrix.sum(axis=tuple(n for n in range(matrix.ndim) if n != 1))
    return matrix[:, sums > 0]


def pairs(one: Sample) -> np.ndarray:
    return glcm.matrices(one).transpose(1, 2, 0)


def runs(one: Sample) -> np.ndarray:
    return used(one.runs[one.present].transpose(0, 2, 1))


def zones(one: Sample) -> np.ndarray:
    level, size = one.zones
    counts = np.zeros((one.highest + 1, int(size.max()) + 1))
    np.add.at(counts, (level, size), 1)
    return used(counts[one.present])


def dependences(one: Sample) -> np.ndarray:
    return used(one.dependence[one.present])


def tones(one: Sample) -> np.ndarray:
    """Voxels with a neighbour, summed differences, and level, of every level."""
    alone = one.place.neighbours(one.run_steps) == 0
    levels = one.levels.reshape(-1)[one.place.places]
    together = np.bincount(levels[~alone], minlength=one.highest + 1)[one.present]
    neighbours = np.maximum(np.arange(one.difference.shape[1]), 1)
    summed = (one.difference / neighbours).sum(axis=1)[one.present]
    return np.column_stack([together, summed, one.present])


MATRICES = {"glcm": pairs, "glrlm": runs, "glszm": zones, "gldm": dependences, "ngtdm": tones}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", sorted(MATRICES))
def test_every_element_is_the_stored_one(shared: Path, name: str, case: str) -> None:
    folder = shared / "pyradiomics"
    stored = np.load(folder / "baseline" / f"{case}_{name}.npy")
    ours = MATRICES[name](sample(folder, case))
    assert ours.shape == stored.shape
    if name == "ngtdm":
        # The same quotients, added up in another order.
        np.testing.assert_allclose(ours, stored, rtol=1e-14, atol=0)
    else:
        np.testing.assert_array_equal(ours, stored)
