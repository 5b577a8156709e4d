"""DICOM series: written, sorted and stacked again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that everybody uses

from hepacast.core.errors import ImageFileError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Volume
from hepacast.io.dicom.series import list_series, read_series
from hepacast.io.dicom.write import SeriesIdentity, write_series
from hepacast.io.images import read_image, read_region
from hepacast.io.options import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Event


def test_a_series_survives_the_disk(tmp_path: Path, ct: Volume) -> None:
    write_series(ct, tmp_path / "a")
    back = read_series(tmp_path / "a")
    assert np.array_equal(back.data, ct.data)
    assert back.grid.distance_mm(ct.grid) < 1e-6


def test_an_oblique_mr_survives_the_disk(tmp_path: Path) -> None:
    s, c = np.sin(0.3), np.cos(0.3)
    axes = ((0.0, -s, c), (0.0, c, s), (1.0, 0.0, 0.0))
    grid = Grid((6, 9, 11), (3.3, 1.171875, 1.171875), (-120.123456, 3.3, 77.0), axes)
    data = np.random.default_rng(3).integers(0, 2000, grid.shape).astype(np.float32)
    write_series(Volume(data, grid), tmp_path, SeriesIdentity(modality="MR"))
    back = read_series(tmp_path)
    assert np.array_equal(back.data, data)
    assert back.grid.distance_mm(grid) < 1e-5


def test_equal_input_is_written_to_equal_bytes(tmp_path: Path, ct: Volume) -> None:
    first = write_series(ct, tmp_path / "a")
    second = write_series(ct, tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_file_names_do_not_matter(tmp_path: Path, ct: Volume) -> None:
    for n, path in enumerate(write_series(ct, tmp_path)):
        path.rename(tmp_path / f"{(n * 5) % 8}.dcm.x")
    assert np.array_equal(read_series(tmp_path).data, ct.data)


def test_a_chosen_series_is_read_from_a_mixed_folder(tmp_path: Path, ct: Volume) -> None:
    write_series(ct, tmp_path / "a", SeriesIdentity(series="arterial"))
    other = Volume(ct.data + 10, ct.grid)
    write_series(other, tmp_path / "b", SeriesIdentity(series="portal"))
    portal = next(s for s in list_series(tmp_path) if s.first.description == "portal")
    with pytest.raises(ImageFileError, match="2 of 2: 8 CT images 'arterial'"):
        read_series(tmp_path)
    back = read_series(tmp_path, ReadOptions(series_uid=portal.uid))
    assert np.array_equal(back.data, other.data)


def test_notices_do_not_name_the_patient(tmp_path: Path, ct: Volume) -> None:
    attributes = {"PixelPaddingValue": 24, "PatientPosition": "HFP"}
    write_series(ct, tmp_path / "a", SeriesIdentity(patient="ZHANG SAN", attributes=attributes))
    heard: list[Event] = []
    read_series(tmp_path / "a", on_event=heard.append)
    assert heard
    assert not any("ZHANG" in str(event) for event in heard)


def test_the_real_liver_ct_equals_simpleitks(shared: Path) -> None:
    folder = shared / "crlm" / "CRLM-CT-1004" / "image"
    volume = read_image(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs = reader.Execute()
    values = sitk.GetArrayFromImage(theirs).astype(np.float32)
    padding = values <= -1024
    assert np.array_equal(volume.data[~padding], values[~padding])
    assert np.all(volume.data[padding] == -1024)
    assert np.allclose(volume.grid.spacing[::-1], theirs.GetSpacing())
    assert np.allclose(volume.grid.origin, theirs.GetOrigin())


def test_real_nrrd_masks_fit_their_dicom_ct(shared: Path) -> None:
    folder = shared / "dcmqi_liver"
    image = read_image(folder / "ct-3slice")
    with pytest.raises(ValueError, match="one grid"):
        read_region(folder / "liver_seg.nrrd", "liver", replace(image.grid, origin=(0.0, 0.0, 0.0)))
    liver = read_region(folder / "liver_seg.nrrd", "liver", image.grid)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "liver_seg.nrrd")))
    assert np.array_equal(liver.mask, theirs == 1)
    assert 30 < float(np.median(image.data[liver.mask])) < 200


def test_the_ibsi_phantom_is_one_image_as_dicom_and_as_nifti(shared: Path) -> None:
    folder = shared / "ibsi" / "ibsi_1_ct_radiomics_phantom"
    dicom = read_image(folder / "dicom" / "image")
    nifti = read_image(folder / "nifti" / "image" / "phantom.nii.gz")
    assert np.array_equal(dicom.data, nifti.data)
    assert dicom.grid.distance_mm(nifti.grid) < 1e-3
