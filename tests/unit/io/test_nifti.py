"""NIfTI files: what is read is what was written, or an error says why not."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest

from hepacast.core.errors import EmptyRegionError, GeometryError, ImageFileError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import read_mask, read_nifti, write_nifti
from hepacast.io.options import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

nib: Any = nibabel
"""The oracle; its functions are not annotated."""

OBLIQUE = Grid(
    (5, 6, 7),
    (3.0, 0.75, 0.5),
    (-10.5, 22.25, -300.0),
    ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0)),
)


def lps(image: Any) -> np.ndarray:
    """Return nibabel's affine as (k, j, i) to LPS."""
    affine: np.ndarray = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)[:, [2, 1, 0, 3]]
    return affine


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_volume_survives_the_disk(tmp_path: Path, name: str) -> None:
    data = np.random.default_rng(1).normal(size=OBLIQUE.shape).astype(np.float32)
    write_nifti(Volume(data, OBLIQUE), tmp_path / name)
    back = read_nifti(tmp_path / name)
    assert np.array_equal(back.data, data)
    assert back.grid.distance_mm(OBLIQUE) < 1e-4


def test_equal_volumes_have_equal_bytes(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "a.nii.gz")
    write_nifti(ct, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("flip", [False, True])
def test_nibabel_reads_the_same_voxels_in_the_same_place(tmp_path: Path, *, flip: bool) -> None:
    k, j, i = OBLIQUE.axes
    back_i = (-i[0], -i[1], -i[2])
    grid = Grid(OBLIQUE.shape, OBLIQUE.spacing, OBLIQUE.origin, (k, j, back_i if flip else i))
    data = np.arange(210, dtype=np.float32).reshape(grid.shape)
    write_nifti(Volume(data, grid), tmp_path / "a.nii.gz")
    theirs = nib.load(tmp_path / "a.nii.gz")
    assert np.array_equal(theirs.get_fdata().T, data)
    assert np.allclose(lps(theirs), grid.affine, atol=1e-4)
    # Quaternion and matrix are written from one grid, and must say the same.
    assert np.allclose(theirs.header.get_qform(), theirs.header.get_sform(), atol=1e-4)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_every_type_and_byte_order_is_read(
    tmp_path: Path, dtype: str, endian: str, kind: Any
) -> None:
    data = np.arange(24).reshape(2, 3, 4).astype(dtype)
    header = kind.header_class(endianness=endian)
    header.set_data_dtype(dtype)
    nib.save(kind(data, np.diag([2.0, 3.0, 4.0, 1.0]), header), tmp_path / "a.nii.gz")
    volume = read_nifti(tmp_path / "a.nii.gz")
    assert np.array_equal(volume.data, data.T.astype(np.float32))
    assert volume.grid.spacing == (4.0, 3.0, 2.0)


def test_a_quaternion_alone_places_the_image(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((7, 6, 5), np.float32), None)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ OBLIQUE.affine[:, [2, 1, 0, 3]]
    image.header.set_qform(affine, code=1)
    image.header["magic"] = b"n+1"
    nib.save(image, tmp_path / "a.nii")
    assert read_nifti(tmp_path / "a.nii").grid.distance_mm(OBLIQUE) < 1e-4


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.array([[[1, 2]]], np.int16), np.eye(4) * [2, 2, 2, 1])
    image.header.set_slope_inter(2.0, -10.0)
    nib.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[352:356] = np.array([1, 2], "<i2").tobytes()
    (tmp_path / "b.nii").write_bytes(bytes(raw))
    assert read_nifti(tmp_path / "b.nii").data.ravel().tolist() == [-8.0, -6.0]


def test_a_gzip_of_several_members_is_read_whole(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "a.nii")
    raw = (tmp_path / "a.nii").read_bytes()
    packed = gzip.compress(raw[:1000]) + gzip.compress(raw[1000:])
    (tmp_path / "b.nii.gz").write_bytes(packed)
    assert np.array_equal(read_nifti(tmp_path / "b.nii.gz").data, ct.data)


def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "a.nii")
    raw = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(raw + bytes(50_000_000)))
    with pytest.raises(ImageFileError, match="more than"):
        read_nifti(tmp_path / "b.nii.gz")


def test_a_tiny_image_with_more_behind_it_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "tiny.nii.gz"
    grid = Grid((1, 2, 2), (1.0, 1.0, 1.0))
    write_nifti(Volume(np.zeros(grid.shape, dtype=np.float32), grid), place)
    place.write_bytes(gzip.compress(gzip.decompress(place.read_bytes()) + bytes(500)))
    with pytest.raises(ImageFileError, match="more than 360 bytes"):
        read_nifti(place)


@pytest.mark.parametrize("dims", [(32767, 32767, 32767), (2000, 2000, 1000)])
def test_a_header_that_announces_gigabytes_is_refused(
    tmp_path: Path, ct: Volume, dims: tuple[int, int, int]
) -> None:
    write_nifti(ct, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[42:48] = np.array(dims, "<i2").tobytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(ImageFileError):
        read_nifti(tmp_path / "b.nii.gz")


def test_a_chosen_volume_of_a_4d_file_is_read(tmp_path: Path) -> None:
    data = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2)
    nib.save(nib.Nifti1Image(data, np.diag([2, 2, 2, 1])), tmp_path / "a.nii")
    volume = read_nifti(tmp_path / "a.nii", ReadOptions(frame=1))
    assert np.array_equal(volume.data, data[..., 1].T)


def test_a_mask_survives_the_disk(tmp_path: Path, liver: Region) -> None:
    write_nifti(liver, tmp_path / "m.nii.gz")
    back = read_mask(tmp_path / "m.nii.gz", liver.grid, name="liver")
    assert np.array_equal(back.mask, liver.mask)
    assert back.grid == liver.grid
    assert back.name == "liver"


def test_labels_are_chosen_and_joined(tmp_path: Path) -> None:
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[0], labels[1], labels[2] = 1, 2, 7
    nib.save(nib.Nifti1Image(labels.T, np.diag([2, 2, 2, 1])), tmp_path / "m.nii.gz")
    assert read_mask(tmp_path / "m.nii.gz", label=2).size == 30
    assert read_mask(tmp_path / "m.nii.gz", label=(1, 7)).size == 60
    with pytest.raises(ImageFileError, match=r"label 3 must be in the mask; .*7: 30"):
        read_mask(tmp_path / "m.nii.gz", label=3)


def test_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.nii.gz").write_bytes(b"no image at all")
    with pytest.raises(ImageFileError, match=r"file .*x\.nii\.gz"):
        read_nifti(tmp_path / "x.nii.gz")


def test_a_soft_mask_needs_its_threshold(tmp_path: Path) -> None:
    soft = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    nib.save(nib.Nifti1Image(soft, np.diag([2, 2, 2, 1])), tmp_path / "m.nii")
    with pytest.raises(ImageFileError, match="whole numbers"):
        read_mask(tmp_path / "m.nii")
    assert read_mask(tmp_path / "m.nii", threshold=0.5).size == 12


def test_an_empty_mask_is_refused_unless_declared(tmp_path: Path) -> None:
    nib.save(
        nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.diag([2, 2, 2, 1])), tmp_path / "m.nii"
    )
    with pytest.raises(EmptyRegionError, match="empty mask"):
        read_mask(tmp_path / "m.nii")
    assert read_mask(tmp_path / "m.nii", allow_empty=True).size == 0


def test_only_nifti_names_are_written(tmp_path: Path, ct: Volume) -> None:
    with pytest.raises(ImageFileError, match=r"called \.nii"):
        write_nifti(ct, tmp_path / "a.img")


def test_a_sheared_matrix_is_refused(tmp_path: Path) -> None:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[0, 2] = 1.0
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.int16), None)
    image.header.set_sform(affine, code=1)
    image.header["pixdim"][1:4] = 2.0, 2.0, 5**0.5
    nib.save(image, tmp_path / "a.nii")
    with pytest.raises(GeometryError, match="perpendicular"):
        read_nifti(tmp_path / "a.nii")


def test_real_ct_and_liver_mask_are_read_as_nibabel_reads_them(shared: Path) -> None:
    folder = shared / "totalseg_example"
    volume = read_nifti(folder / "example_ct.nii.gz")
    theirs = nib.load(folder / "example_ct.nii.gz")
    assert np.array_equal(volume.data, theirs.get_fdata().T.astype(np.float32))
    assert np.allclose(volume.grid.affine, lps(theirs))
    mask = folder / "example_seg_fast_force_split.nii.gz"
    liver = read_mask(mask, volume.grid, label=5, name="liver")
    assert liver.size == int((nib.load(mask).get_fdata() == 5).sum())
    assert 30 < float(volume.data[liver.mask].mean()) < 160
