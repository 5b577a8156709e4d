"""F43 to F58: masks that do not fit, or cannot be what they are called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest

from hepacast.core.errors import EmptyRegionError, GeometryError, ImageFileError
from hepacast.core.volume import Region, Volume
from hepacast.imaging.resample import resample_region
from hepacast.io.images import read_region
from hepacast.io.nifti import read_mask, write_nifti
from hepacast.io.voxels import MaskRule
from hepacast.regions.inspect import RegionRules, inspect_region, require_distinct
from hepacast.regions.lesions import chosen_lesions, cleaned, lesions
from hepacast.regions.shells import dilate, erode

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Event
    from hepacast.core.geometry import Grid

nib: Any = nibabel


def save(data: np.ndarray, grid: Grid, path: Path) -> Path:
    """Write any array as NIfTI, whatever its type."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    nib.save(nib.Nifti1Image(data.T, lps @ grid.affine[:, [2, 1, 0, 3]]), path)
    return path


def moved(region: Region, mm: float) -> Region:
    x, y, z = region.grid.origin
    return Region(region.mask.copy(), replace(region.grid, origin=(x + mm, y, z)), region.name)


def test_f43_float_noise_takes_the_images_grid(tmp_path: Path, ct: Volume, tumour: Region) -> None:
    write_nifti(moved(tumour, 5e-4), tmp_path / "m.nii.gz")
    heard: list[Event] = []
    back = read_mask(tmp_path / "m.nii.gz", ct.grid, on_event=heard.append)
    assert back.grid is ct.grid
    assert "mask grid differed by 0.0005 mm" in str(heard)


def test_f44_another_grid_is_refused_with_both_shown(
    tmp_path: Path, ct: Volume, tumour: Region
) -> None:
    write_nifti(moved(tumour, 2.0), tmp_path / "m.nii.gz")
    with pytest.raises(GeometryError, match=r"mask .* at \(-48, .*image .* at \(-50, .*Resample"):
        read_mask(tmp_path / "m.nii.gz", ct.grid)
    # Resampling is the user's decision: read without a grid, then carry over.
    free = read_mask(tmp_path / "m.nii.gz")
    carried = resample_region(free, ct.grid, "nearest")
    assert np.array_equal(carried.mask, np.roll(tumour.mask, 2, axis=2))


def test_f45_a_region_outside_the_image_is_refused_in_millimetres(
    ct: Volume, tumour: Region
) -> None:
    for mm in (20.0, 500.0):
        with pytest.raises(GeometryError, match=r"must lie inside the image; got \["):
            resample_region(moved(tumour, mm), ct.grid, "nearest")


def test_f46_an_empty_mask_is_refused_unless_there_is_no_lesion(tmp_path: Path, ct: Volume) -> None:
    path = save(np.zeros(ct.grid.shape, np.uint8), ct.grid, tmp_path / "m.nii.gz")
    with pytest.raises(EmptyRegionError, match=r"region tumour.*an empty mask"):
        read_region(path, "tumour", ct.grid)
    assert read_region(path, "tumour", ct.grid, MaskRule(allow_empty=True)).size == 0


@pytest.mark.parametrize("box", [(1, 1, 1), (1, 1, 12), (9, 1, 1), (1, 2, 3)])
def test_f47_a_region_too_small_says_its_size(ct: Volume, box: tuple[int, int, int]) -> None:
    mask = np.zeros(ct.grid.shape, dtype=bool)
    mask[tuple(slice(2, 2 + n) for n in box)] = True
    with pytest.raises(EmptyRegionError, match=rf"got {np.prod(box)} voxels within {box[0]} x"):
        inspect_region(Region(mask, ct.grid, "tumour"))


def test_f48_another_label_is_listed_with_its_voxels(
    tmp_path: Path, ct: Volume, tumour: Region
) -> None:
    path = save(tumour.mask.astype(np.uint8) * 255, ct.grid, tmp_path / "m.nii.gz")
    with pytest.raises(ImageFileError, match=rf"255: {tumour.size}\}}.*which label is meant"):
        read_mask(path, ct.grid)
    assert np.array_equal(read_mask(path, ct.grid, label=255).mask, tumour.mask)


def test_f49_a_scaled_or_soft_mask_needs_its_threshold(
    tmp_path: Path, ct: Volume, tumour: Region
) -> None:
    # 0.00392 is 1/255: a cast to whole numbers would leave nothing.
    path = save(tumour.mask.astype(np.float32) / 255, ct.grid, tmp_path / "m.nii.gz")
    with pytest.raises(ImageFileError, match=r"whole numbers; got .*0\.00392157"):
        read_mask(path, ct.grid)
    heard: list[Event] = []
    back = read_mask(path, ct.grid, threshold=0.5 / 255, on_event=heard.append)
    assert np.array_equal(back.mask, tumour.mask)
    assert "soft mask cut at" in str(heard)


def test_f50_extra_labels_are_listed(tmp_path: Path, ct: Volume, tumour: Region) -> None:
    labels = tumour.mask.astype(np.uint8)
    labels[0, 0, :3] = 4
    path = save(labels, ct.grid, tmp_path / "m.nii.gz")
    with pytest.raises(ImageFileError, match=rf"1: {tumour.size}, 4: 3"):
        read_mask(path, ct.grid)


def test_f51_several_pieces_follow_the_declared_policy(ct: Volume, tumour: Region) -> None:
    mask = tumour.mask.copy()
    mask[8, 15:18, 15:18] = True
    two = Region(mask, ct.grid, "tumour")
    remarks = inspect_region(two, image=ct)
    assert any("tumour: 2 pieces of 0.24, 0.045 mL" in text for text in remarks)
    assert [part.size for part in lesions(two)] == [48, 9]
    assert np.array_equal(chosen_lesions(two, "largest").mask, tumour.mask)
    assert chosen_lesions(two, "all") is two


def test_f52_islands_and_holes_are_remarked_and_cleaned_only_on_request(
    ct: Volume, liver: Region
) -> None:
    mask = liver.mask.copy()
    mask[5, 8, 8] = False
    mask[3, 20, 20] = True
    dirty = Region(mask, ct.grid, "liver")
    text = " ".join(inspect_region(dirty))
    assert "1 islands below 0.1 mL" in text
    assert "1 voxels in holes" in text
    assert np.array_equal(cleaned(dirty).mask, dirty.mask)
    assert np.array_equal(cleaned(dirty, smallest_ml=0.1, fill_holes=True).mask, liver.mask)


def test_f53_a_mask_of_the_whole_image_is_refused_unless_declared(ct: Volume) -> None:
    whole = Region(np.ones(ct.grid.shape, dtype=bool), ct.grid, "tumour")
    with pytest.raises(GeometryError, match="leaves some of the image out"):
        inspect_region(whole)
    inspect_region(whole, rules=RegionRules(may_fill_image=True, may_touch_end=True))


def test_f54_a_tumour_outside_the_liver_is_refused_and_partly_remarked(
    ct: Volume, liver: Region, tumour: Region
) -> None:
    assert not inspect_region(tumour, organ=liver)
    half = Region(np.roll(tumour.mask, 6, axis=2), ct.grid, "tumour")
    assert any(
        "tumour: only 50% inside liver" in text for text in inspect_region(half, organ=liver)
    )
    out = Region(np.roll(tumour.mask, 10, axis=2), ct.grid, "tumour")
    with pytest.raises(GeometryError, match="tumour must lie in liver"):
        inspect_region(out, organ=liver)


def test_f55_an_erosion_that_empties_is_an_error_and_a_dilation_stays_in_the_body(
    ct: Volume, tumour: Region
) -> None:
    with pytest.raises(EmptyRegionError, match="eroded by 6 mm"):
        erode(tumour, 6.0)
    body = Region(np.asarray(ct.data > -500), ct.grid, "body")
    grown = dilate(tumour, 30.0, inside=body)
    assert not np.any(grown.mask & ~body.mask)
    assert grown.size < dilate(tumour, 30.0).size


def test_f56_a_flat_region_is_remarked_with_its_reason(ct: Volume, tumour: Region) -> None:
    data = ct.data.copy()
    data[tumour.mask] = np.arange(tumour.size) % 5
    flat = Volume(data, ct.grid)
    remarks = inspect_region(tumour, image=flat, rules=RegionRules(bin_width=25.0))
    assert remarks == (
        "tumour: intensities span 4, less than one bin of 25; texture is not defined",
    )
    assert not inspect_region(tumour, image=ct, rules=RegionRules(bin_width=25.0))


def test_f58_two_readers_with_one_mask_are_refused(ct: Volume, tumour: Region) -> None:
    with pytest.raises(GeometryError, match=r"two readers must differ; got the same 48 voxels"):
        require_distinct(tumour, Region(tumour.mask.copy(), ct.grid, "tumour (reader 2)"))
    require_distinct(tumour, dilate(tumour, 1.0))


def test_f16_a_region_cut_by_the_end_of_the_scan_is_refused_unless_declared(
    ct: Volume, liver: Region
) -> None:
    cut = liver.crop((slice(0, 8), slice(0, 24), slice(0, 24)))
    with pytest.raises(GeometryError, match="voxels in the last slice"):
        inspect_region(cut)
    assert inspect_region(cut, rules=RegionRules(may_touch_end=True)) == ()
