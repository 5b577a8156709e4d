"""F36 to F42: NIfTI headers that contradict themselves, and voxels that are no numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest

from hepacast.core.errors import GeometryError, ImageFileError
from hepacast.core.events import Event, Noticed
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import read_mask, read_nifti, write_nifti
from hepacast.io.options import ReadOptions
from hepacast.regions.inspect import require_unflipped

if TYPE_CHECKING:
    from pathlib import Path

nib: Any = nibabel


def header_edit(path: Path, at: int, value: np.ndarray) -> None:
    """Overwrite bytes of a .nii header."""
    raw = bytearray(path.read_bytes())
    raw[at : at + value.nbytes] = value.tobytes()
    path.write_bytes(bytes(raw))


def test_f36_two_geometries_in_one_header_are_shown_and_refused(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii")
    # pixdim scales the quaternion's axes, and the matrix keeps the 5 mm.
    header_edit(tmp_path / "x.nii", 76 + 12, np.array([1.0], "<f4"))
    with pytest.raises(GeometryError, match=r"qform .* 1 x 1 x 1 mm .*sform .* 5 x 1 x 1 mm"):
        read_nifti(tmp_path / "x.nii")


def test_f36_spacing_and_matrix_must_agree_without_a_quaternion(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii")
    header_edit(tmp_path / "x.nii", 252, np.array([0], "<i2"))
    assert read_nifti(tmp_path / "x.nii").grid.spacing == pytest.approx((5.0, 1.0, 1.0))
    header_edit(tmp_path / "x.nii", 76 + 12, np.array([1.0], "<f4"))
    with pytest.raises(GeometryError, match="pixdim and sform must give one spacing"):
        read_nifti(tmp_path / "x.nii")


def test_f37_an_image_without_geometry_needs_its_spacing(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), None)
    nib.save(image, tmp_path / "x.nii")
    header_edit(tmp_path / "x.nii", 252, np.array([0, 0], "<i2"))
    with pytest.raises(GeometryError, match="must say where it is"):
        read_nifti(tmp_path / "x.nii")
    heard: list[Event] = []
    declared = ReadOptions(spacing_mm=(5.0, 0.8, 0.8))
    assert read_nifti(tmp_path / "x.nii", declared, on_event=heard.append).grid.spacing[0] == 5.0
    assert "position and orientation are unknown" in str(heard)


def test_f38_four_dimensions_need_a_choice_and_a_last_one_of_1_does_not(tmp_path: Path) -> None:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6, 3), np.int16), affine), tmp_path / "x.nii")
    with pytest.raises(ImageFileError, match=r"3 volumes .* volume None asked for"):
        read_nifti(tmp_path / "x.nii")
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6, 1, 1), np.int16), affine), tmp_path / "y.nii")
    assert read_nifti(tmp_path / "y.nii").data.shape == (6, 5, 4)


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf])
def test_f39_a_senseless_slope_is_1_and_said(tmp_path: Path, ct: Volume, slope: float) -> None:
    write_nifti(ct, tmp_path / "x.nii")
    header_edit(tmp_path / "x.nii", 112, np.array([slope, -1024.0], "<f4"))
    heard: list[Event] = []
    assert np.array_equal(read_nifti(tmp_path / "x.nii", on_event=heard.append).data, ct.data)
    (event,) = heard
    assert isinstance(event, Noticed)
    assert "mean no scaling" in event.text


def test_f39_an_unset_slope_is_no_fault(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii")
    for pair in ([0.0, 0.0], [np.nan, np.nan]):
        header_edit(tmp_path / "x.nii", 112, np.array(pair, "<f4"))
        heard: list[Event] = []
        read_nifti(tmp_path / "x.nii", on_event=heard.append)
        assert not heard


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_f40_nan_and_infinity_are_counted_and_placed(
    tmp_path: Path, ct: Volume, bad: float
) -> None:
    data = ct.data.copy()
    data[3, 4, 5] = data[3, 4, 6] = bad
    write_nifti(Volume(data, ct.grid), tmp_path / "x.nii.gz")
    with pytest.raises(ImageFileError, match=r"2 NaN or infinite, the first at kji=\(3, 4, 5\)"):
        read_nifti(tmp_path / "x.nii.gz")
    heard: list[Event] = []
    filled = read_nifti(
        tmp_path / "x.nii.gz", ReadOptions(fill_nonfinite=-1024.0), on_event=heard.append
    )
    assert filled.data[3, 4, 5] == -1024
    assert "2 voxels were NaN" in str(heard)


def test_f40_values_beyond_float32_are_refused(tmp_path: Path) -> None:
    data = np.full((3, 3, 3), 1e300)
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2.0, 2.0, 1.0])), tmp_path / "x.nii")
    with pytest.raises(ImageFileError, match="27 NaN or infinite"):
        read_nifti(tmp_path / "x.nii")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_f41_a_mask_stored_in_another_axis_order_is_put_right(
    tmp_path: Path,
    ct: Volume,
    tumour: Region,
    order: tuple[int, int, int],
    flips: tuple[int, ...],
) -> None:
    write_nifti(tumour, tmp_path / "m.nii.gz")
    image = nib.load(tmp_path / "m.nii.gz")
    axes = nib.orientations.io_orientation(image.affine)[list(order)]
    axes[:, 0] = np.argsort(order)
    axes[list(flips), 1] *= -1
    nib.save(image.as_reoriented(axes), tmp_path / "t.nii.gz")
    stored = nib.load(tmp_path / "t.nii.gz").shape
    assert order == (0, 1, 2) or stored != image.shape or order == (1, 0, 2)
    heard: list[Event] = []
    back = read_mask(tmp_path / "t.nii.gz", ct.grid, on_event=heard.append)
    assert np.array_equal(back.mask, tumour.mask)
    assert ("axes were put in the order" in str(heard)) or np.array_equal(
        nib.load(tmp_path / "t.nii.gz").affine, image.affine
    )


@pytest.mark.parametrize("axis", [1, 2])
def test_f42_a_flipped_liver_is_refused(ct: Volume, axis: int) -> None:
    # The liver of this CT lies off the middle, as livers do.
    mask = np.zeros(ct.grid.shape, dtype=bool)
    mask[2:10, 6:12, 5:11] = True
    liver = Region(mask, ct.grid, "liver")
    data = np.full(ct.grid.shape, -1000.0)
    data[:, 3:21, 3:21] = np.random.default_rng(1).normal(0, 60, (12, 18, 18))
    data[mask] = np.random.default_rng(2).normal(110, 8, int(mask.sum()))
    image = Volume(data.astype(np.float32), ct.grid)
    require_unflipped(image, liver)
    flipped = Region(np.ascontiguousarray(np.flip(mask, axis)), ct.grid, "liver")
    with pytest.raises(GeometryError, match="mask was flipped"):
        require_unflipped(image, flipped)
    turned = Region(np.ascontiguousarray(np.rot90(mask, axes=(1, 2))), ct.grid, "liver")
    with pytest.raises(GeometryError, match="mask was flipped"):
        require_unflipped(image, turned)
