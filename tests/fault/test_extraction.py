# SPDX-License-Identifier: Apache-2.0
"""What extraction and maps do with every fault of an image or a region that may reach them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

import hepacast
from hepacast.core.errors import EmptyRegionError, GeometryError, ImageFileError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.radiomics.extraction import extract_case, feature_keys
from hepacast.radiomics.params import ExtractParams
from hepacast.radiomics.prepare import to_itk
from hepacast.radiomics.reasons import REASONS

if TYPE_CHECKING:
    from pathlib import Path

PARAMS = ExtractParams(families=("shape", "firstorder", "glcm", "glszm"))


def box(grid: Grid, *parts: slice) -> Region:
    mask = np.zeros(grid.shape, dtype=bool)
    mask[parts] = True
    return Region(mask, grid)


def faulty(name: str, image: Volume) -> Region:
    """Make the region of one row."""
    grid = image.grid
    return {
        "f45_outside": Region(box(grid, slice(4, 7)).mask, Grid(grid.shape, grid.spacing)),
        "f46_empty": box(grid, slice(0, 0)),
        "f47_one_voxel": box(grid, slice(4, 5), slice(8, 9), slice(7, 8)),
        "f47_one_line": box(grid, slice(4, 5), slice(8, 9), slice(5, 14)),
        "f44_shifted": Region(
            box(grid, slice(4, 7), slice(8, 12), slice(7, 11)).mask,
            Grid(grid.shape, grid.spacing, (-48.0, -40.0, 10.0)),
        ),
    }[name]


ROWS = {
    "f44_shifted": (GeometryError, "geometry"),
    "f45_outside": (GeometryError, "geometry"),
    "f46_empty": (EmptyRegionError, "empty_region"),
    "f47_one_line": (EmptyRegionError, "too_few_dimensions"),
    "f47_one_voxel": (EmptyRegionError, "one_voxel"),
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_bad_region_is_a_typed_error_alone_and_a_reason_in_a_case(
    name: str, ct: Volume, tumour: Region
) -> None:
    error, reason = ROWS[name]
    region = faulty(name, ct)
    for door in (hepacast.extract, hepacast.feature_maps):
        with pytest.raises(error) as caught:
            door(ct, region, PARAMS)
        assert caught.value.fix
    found = extract_case({"p": ct}, {"bad": region, "good": tumour}, PARAMS)
    good = {k: v for k, v in found.values.items() if k.region == "good"}
    bad = {k: v for k, v in found.values.items() if k.region == "bad"}
    assert len(good) == len(bad) == len(feature_keys(PARAMS))
    assert np.isfinite(list(good.values())).all()
    assert np.isnan(list(bad.values())).all()
    assert {found.reasons[k] for k in bad} == {reason}
    assert reason in REASONS
    alone = extract_case({"p": ct}, {"good": tumour}, PARAMS)
    assert {str(k): v for k, v in alone.values.items()} == {str(k): v for k, v in good.items()}


def test_f56_a_flat_region_has_intensities_and_shape_but_no_texture(tumour: Region) -> None:
    flat = Volume(np.full(tumour.mask.shape, 40.0, np.float32), tumour.grid)
    found = extract_case({"p": flat}, {"r": tumour}, PARAMS)
    reasons = {name.family: found.reasons.get(name) for name in found.values}
    assert reasons == {"shape": None, "firstorder": None, "glcm": "flat_region",
                       "glszm": "flat_region"}  # fmt: skip


def test_f45_a_region_partly_beyond_its_image_is_refused_even_where_masks_are_moved(
    ct: Volume,
) -> None:
    far = Grid((20, 24, 24), ct.grid.spacing, ct.grid.origin)
    mask = np.zeros(far.shape, dtype=bool)
    mask[8:16, 8:12, 8:12] = True
    settings = {"setting": {"correctMask": True}}
    with pytest.raises(EmptyRegionError, match="inside its image"):
        hepacast.extract(ct, Region(mask, far), settings)


def test_f43_float_noise_in_the_geometry_of_a_mask_is_no_fault(ct: Volume, tumour: Region) -> None:
    x, y, z = ct.grid.origin
    noisy = Region(tumour.mask, Grid(ct.grid.shape, ct.grid.spacing, (x + 1e-6, y, z)))
    assert hepacast.extract(ct, noisy, PARAMS) == hepacast.extract(ct, tumour, PARAMS)


def test_f40_a_voxel_that_is_not_finite_is_counted_and_placed(ct: Volume, tumour: Region) -> None:
    data = ct.data.copy()
    data[1, 2, 3] = np.inf
    broken = Volume(data, ct.grid)
    with pytest.raises(ImageFileError, match=r"first at \(1, 2, 3\)"):
        hepacast.extract(broken, tumour, PARAMS)
    with pytest.raises(ImageFileError, match="finite"):
        hepacast.feature_maps(broken, tumour, PARAMS)


@pytest.mark.parametrize("door", [hepacast.extract, hepacast.feature_maps])
def test_f38_and_f26_four_dimensions_and_colour_are_refused(
    door: object, ct: Volume, tumour: Region, tmp_path: Path
) -> None:
    assert callable(door)
    stack = sitk.JoinSeries([to_itk(ct.data, ct.grid)] * 2)
    with pytest.raises(ImageFileError, match="three dimensions"):
        door(stack, tumour)
    sitk.WriteImage(stack, str(tmp_path / "two.nii.gz"))
    with pytest.raises(ImageFileError):
        door(tmp_path / "two.nii.gz", tumour)
    colour = sitk.GetImageFromArray(np.zeros((12, 24, 24, 3), np.uint8), isVector=True)
    with pytest.raises(ImageFileError, match="one value per voxel"):
        door(colour, tumour)


def test_f48_and_f49_labels_are_listed_and_a_soft_mask_is_refused(
    ct: Volume, tumour: Region, tmp_path: Path
) -> None:
    bright = Volume((tumour.mask * 255).astype(np.float32), ct.grid)
    with pytest.raises(EmptyRegionError, match=rf"255 \({tumour.size} voxels\)"):
        hepacast.extract(ct, bright)
    assert hepacast.extract(ct, bright, PARAMS, label=255) == hepacast.extract(ct, tumour, PARAMS)
    soft = tumour.mask * np.float32(0.7)
    soft[5, 9, 9] = 1.0
    write_nifti(Volume(soft, ct.grid), tmp_path / "soft.nii.gz")
    with pytest.raises(ImageFileError, match="whole labels"):
        hepacast.extract(ct, tmp_path / "soft.nii.gz")


def test_too_many_grey_levels_are_refused_by_name(ct: Volume, liver: Region) -> None:
    data = np.zeros(ct.data.shape, np.float32)
    data[liver.mask] = np.linspace(0, 4100, liver.size)
    image = Volume(data, ct.grid)
    found = extract_case({"p": image}, {"r": liver}, ExtractParams(bins=1))
    counted = [n for n in found.values if n.family not in {"shape", "firstorder"}]
    assert {found.reasons.get(name) for name in counted} == {"too_many_levels"}
    assert {found.reasons.get(n) for n in found.values if n.family == "shape"} == {None}
    maps = hepacast.feature_maps(image, liver, ExtractParams(bins=1, families=("glcm",)))
    assert set(maps.reasons.values()) == {"too_many_levels"}
    assert REASONS["too_many_levels"][1] == "Widen the bins."


MEMORY = """
import resource
import numpy as np
from hepacast import Grid, Region, Volume
from hepacast.radiomics import ExtractParams, extract_case
grid = Grid((20, 20, 20), (1.0, 1.0, 1.0))
data = (np.random.default_rng(0).permutation(8000) % 3990).astype(np.float32)
families = ({"glcm": {"features": ["Contrast"]}}, "gldm", "ngtdm", "glrlm", "glszm")
found = extract_case(
    {"p": Volume(data.reshape(grid.shape), grid)}, {"r": Region(np.ones(grid.shape, bool), grid)},
    ExtractParams(families=families, bins=1), threads=1)
assert np.isfinite(list(found.values.values())).all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_four_thousand_grey_levels_fit_into_two_gigabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) * 1024 < 2e9
