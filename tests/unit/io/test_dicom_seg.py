"""Segmentations and structure sets become the voxels that they outline."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from hepacast.core.errors import GeometryError, ImageFileError
from hepacast.core.volume import Region, Volume
from hepacast.io.dicom.rtstruct import fill_polygon
from hepacast.io.dicom.series import list_series
from hepacast.io.dicom.write import SeriesIdentity, encode, uid_of, write_series
from hepacast.io.dicom.write_seg import write_seg
from hepacast.io.images import read_image, read_region
from hepacast.io.voxels import MaskRule

if TYPE_CHECKING:
    from pathlib import Path


def test_a_written_segmentation_reads_back(tmp_path: Path, ct: Volume, liver: Region) -> None:
    write_series(ct, tmp_path / "ct")
    (series,) = list_series(tmp_path / "ct")
    mask = np.zeros(ct.grid.shape, dtype=bool)
    mask[3, 8:10, 7] = mask[5, 9, 9] = True
    tumour = Region(mask, ct.grid, "tumour")
    write_seg([liver, tumour], series, tmp_path / "seg.dcm")
    for region in (liver, tumour):
        back = read_region(tmp_path / "seg.dcm", region.name, ct.grid, MaskRule(label=region.name))
        assert np.array_equal(back.mask, region.mask)
    with pytest.raises(ImageFileError, match="1 'liver', 2 'tumour'"):
        read_region(tmp_path / "seg.dcm", "x", ct.grid)
    own = read_region(tmp_path / "seg.dcm", "liver", None, MaskRule(label=1))
    assert own.size == liver.size
    assert own.grid.to_world((0, 0, 0))[2] == pytest.approx(ct.grid.to_world((2, 0, 0))[2])


def test_a_segmentation_of_another_scan_is_refused(
    tmp_path: Path, ct: Volume, liver: Region
) -> None:
    write_series(ct, tmp_path / "ct")
    (series,) = list_series(tmp_path / "ct")
    write_seg([liver], series, tmp_path / "seg.dcm")
    with pytest.raises(GeometryError, match="one grid"):
        read_region(tmp_path / "seg.dcm", "liver", ct.grid.crop((slice(4, 8),) * 3))


def test_a_flipped_image_grid_still_gets_the_right_voxels(
    tmp_path: Path, ct: Volume, liver: Region
) -> None:
    write_series(ct, tmp_path / "ct")
    (series,) = list_series(tmp_path / "ct")
    write_seg([liver], series, tmp_path / "seg.dcm")
    k, j, i = ct.grid.axes
    x, y, z = ct.grid.to_world((7, 0, 0)).tolist()
    flipped = type(ct.grid)(
        ct.grid.shape, ct.grid.spacing, (x, y, z), ((-k[0], -k[1], -k[2]), j, i)
    )
    back = read_region(tmp_path / "seg.dcm", "liver", flipped)
    assert np.array_equal(back.mask, liver.mask[::-1])


def test_the_real_segmentation_equals_its_nrrd(shared: Path) -> None:
    folder = shared / "dcmqi_liver"
    image = read_image(folder / "ct-3slice")
    seg = read_region(folder / "liver.dcm", "liver", image.grid)
    nrrd = read_region(folder / "liver_seg.nrrd", "liver", image.grid)
    assert np.array_equal(seg.mask, nrrd.mask)


def test_overlapping_real_segments_are_told_apart(shared: Path) -> None:
    path = shared / "dcmqi_liver" / "partial_overlaps.dcm"
    with pytest.raises(ImageFileError, match="which segment is meant"):
        read_region(path, "x")
    regions = [read_region(path, "x", None, MaskRule(label=n)) for n in (1, 2)]
    assert all(region.size > 0 for region in regions)


def test_the_ibsi_structure_set_equals_its_nifti_mask(shared: Path) -> None:
    folder = shared / "ibsi" / "ibsi_1_ct_radiomics_phantom"
    image = read_image(folder / "dicom" / "image")
    path = folder / "dicom" / "mask" / "DCM_RS_00060.dcm"
    gtv = read_region(path, "gtv", image.grid)
    with pytest.raises(ImageFileError, match="which segment is meant"):
        read_region(path, "gtv", image.grid, MaskRule(label="liver"))
    nifti = read_region(folder / "nifti" / "mask" / "mask.nii.gz", "gtv", image.grid)
    assert np.array_equal(gtv.mask, nifti.mask)


def structure(points: list[list[float]], name: str = "tumour") -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    dataset.SOPInstanceUID = dataset.SeriesInstanceUID = uid_of("rt")
    dataset.Modality = "RTSTRUCT"
    roi, outline = Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 1, name
    outline.ReferencedROINumber = 1
    outline.ContourSequence = []
    for line in points:
        contour = Dataset()
        contour.ContourGeometricType, contour.ContourData = "CLOSED_PLANAR", line
        contour.NumberOfContourPoints = len(line) // 3
        outline.ContourSequence.append(contour)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [roi], [outline]
    return dataset


def box_contour(ct: Volume, k: int, low: float, high: float) -> list[float]:
    corners = [(k, low, low), (k, low, high), (k, high, high), (k, high, low)]
    points: list[float] = ct.grid.to_world(corners).ravel().tolist()
    return points


def test_a_contour_within_a_contour_is_a_hole(tmp_path: Path, ct: Volume) -> None:
    lines = [box_contour(ct, 3, 4.5, 12.5), box_contour(ct, 3, 7.5, 9.5)]
    (tmp_path / "rt.dcm").write_bytes(encode(structure(lines)))
    back = read_region(tmp_path / "rt.dcm", "tumour", ct.grid)
    assert back.size == 8 * 8 - 2 * 2


def test_a_contour_outside_the_image_is_refused(tmp_path: Path, ct: Volume) -> None:
    (tmp_path / "rt.dcm").write_bytes(encode(structure([box_contour(ct, 30, 4.5, 9.5)])))
    with pytest.raises(GeometryError, match="one slice of the image"):
        read_region(tmp_path / "rt.dcm", "tumour", ct.grid)


def test_polygons_are_filled_by_pixel_centres() -> None:
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack([20 + 9.3 * np.sin(angles), 17 + 9.3 * np.cos(angles)], axis=1)
    rows, columns = np.indices((40, 36))
    truth = (rows - 20) ** 2 + (columns - 17) ** 2 <= 9.3**2
    assert np.array_equal(fill_polygon(circle, (40, 36)), truth)


def test_a_segmentation_names_what_it_was_drawn_on(
    tmp_path: Path, ct: Volume, liver: Region
) -> None:
    write_series(ct, tmp_path / "ct")
    (series,) = list_series(tmp_path / "ct")
    write_seg([liver], series, tmp_path / "seg.dcm")
    dataset = pydicom.dcmread(tmp_path / "seg.dcm")
    assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == series.uid
    assert dataset.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Liver"
    assert dataset.NumberOfFrames == 4


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
def test_dciodvfy_finds_no_error_in_a_written_segmentation(
    tmp_path: Path, ct: Volume, liver: Region
) -> None:
    write_series(ct, tmp_path / "series", SeriesIdentity())
    (series,) = list_series(tmp_path / "series")
    spot = np.zeros_like(liver.mask)
    spot[3, 7:9, 7:9] = True
    write_seg([liver, Region(spot, ct.grid, "tumour")], series, tmp_path / "seg.dcm")
    # Its exit code says little; every finding is a line.
    done = subprocess.run(
        ["dciodvfy", str(tmp_path / "seg.dcm")], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert any(line.strip() == "SegmentationImage" or line == "Segmentation" for line in lines), (
        lines
    )
    assert [line for line in lines if line.startswith("Error")] == []
