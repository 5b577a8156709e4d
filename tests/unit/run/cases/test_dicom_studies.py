# SPDX-License-Identifier: Apache-2.0
"""DICOM series, segmentations and structure sets give a study the numbers that NIfTI gives."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import Dataset

from hepacast.cli.main import main
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.dicom.series import find_series
from hepacast.io.dicom.write import SeriesIdentity, encode, uid_of, write_series
from hepacast.io.dicom.write_seg import write_seg
from hepacast.io.nifti import write_nifti
from hepacast.run.cases.load import load_case
from hepacast.run.cases.measure import measure
from hepacast.run.cases.task import CaseTask
from hepacast.run.extraction.extract import extract
from hepacast.run.parts.rows import ImageRow, MaskFile
from hepacast.run.settings.case import CasesParams, RegionParams
from hepacast.run.settings.study import RadiomicsParams

if TYPE_CHECKING:
    from pathlib import Path

CASES = {"table": "cases.csv", "masks": {"tumour": "t", "liver": "l"}}
GRID = Grid((10, 32, 36), (3.0, 1.5, 1.5), (-25.0, -20.0, 10.0))


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """Write one patient twice: as NIfTI, and as a series with a SEG and an RTSTRUCT."""
    rng = np.random.default_rng(2)
    k, j, i = np.indices(GRID.shape)
    liver = ((k - 5) / 4) ** 2 + ((j - 16) / 11) ** 2 + ((i - 14) / 10) ** 2 <= 1
    tumour = np.zeros(GRID.shape, dtype=bool)
    tumour[4:7, 12:19, 11:17] = True
    data = np.where(liver, 100, np.where((j > 2) & (i > 2), 10, -1000))
    data = np.where(tumour, 70, data) + rng.normal(0, 9, GRID.shape)
    image = Volume(np.round(data).astype(np.float32), GRID)
    write_series(image, tmp_path / "series", SeriesIdentity(series="portal"))
    write_nifti(image, tmp_path / "image.nii")
    regions = [Region(liver, GRID, "Liver"), Region(tumour, GRID, "Tumour")]
    for region in regions:
        write_nifti(region, tmp_path / f"{region.name.lower()}.nii")
    (tmp_path / "seg").mkdir()
    write_seg(regions, find_series(tmp_path / "series"), tmp_path / "seg" / "object.dcm")
    (tmp_path / "rt.dcm").write_bytes(encode(structure()))
    return tmp_path


def structure() -> Dataset:
    """Outline the tumour's box half a voxel outside its voxel centres."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    dataset.SOPInstanceUID = dataset.SeriesInstanceUID = uid_of("rt")
    dataset.Modality = "RTSTRUCT"
    roi, outline = Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 4, "GTV"
    outline.ReferencedROINumber, outline.ContourSequence = 4, []
    for at in range(4, 7):
        corners = [(at, 11.5, 10.5), (at, 11.5, 16.5), (at, 18.5, 16.5), (at, 18.5, 10.5)]
        contour = Dataset()
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
        contour.ContourData = GRID.to_world(corners).ravel().round(4).tolist()
        outline.ContourSequence.append(contour)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [roi], [outline]
    return dataset


def task(folder: Path, image: str, tumour: MaskFile, liver: MaskFile) -> CaseTask:
    row = ImageRow("P1", "portal", "1", folder / image, {"tumour": tumour, "liver": liver})
    return CaseTask(
        case="P1",
        rows=(row,),
        regions={"liver": RegionParams(mask="liver"), "tumour": RegionParams(mask="tumour")},
        blocks={
            "own": RadiomicsParams.model_validate({"params": {"families": ["shape", "firstorder"]}})
        },
        phases=("portal",),
        folder=folder / "out",
        cases=CasesParams.model_validate(CASES),
    )


@pytest.mark.parametrize("tumour", [("seg", "Tumour"), ("seg/object.dcm", (2,)), ("rt.dcm", "GTV")])
def test_a_study_of_dicom_measures_what_a_study_of_nifti_measures(
    patient: Path, tumour: tuple[str, str | tuple[int, ...]]
) -> None:
    plain = task(
        patient, "image.nii", MaskFile(patient / "tumour.nii"), MaskFile(patient / "liver.nii")
    )
    dicom = task(
        patient, "series", MaskFile(patient / tumour[0], tumour[1]),
        MaskFile(patient / "seg", "liver"),
    )  # fmt: skip
    one, two = measure(plain, "k"), measure(dicom, "k")
    assert len(one.features["own"]) == 2 * (14 + 18)
    assert one.features["own"].keys() == two.features["own"].keys()
    for name, value in one.features["own"].items():
        assert two.features["own"][name] == pytest.approx(value, rel=1e-6), name
    assert one.pictures.keys() == two.pictures.keys()


def test_a_study_reads_the_slices_of_a_series_that_it_may_repair(patient: Path) -> None:
    sorted((patient / "series").glob("*.dcm"))[1].unlink()
    gap = task(
        patient, "series", MaskFile(patient / "seg", "Tumour"), MaskFile(patient / "seg", "Liver")
    )
    with pytest.raises(ValueError, match="missing after position"):
        load_case(gap)
    cases = CasesParams.model_validate(CASES | {"read": {"fill_gaps": True}})
    rows = (replace(gap.rows[0], options=cases.read),)
    heard: list[object] = []
    load_case(replace(gap, rows=rows, cases=cases), on_event=heard.append)
    assert "interpolated" in str(heard)


def test_extract_takes_dicom_images_and_segments(patient: Path, tmp_path: Path) -> None:
    wanted = extract(patient / "image.nii", patient / "tumour.nii")
    for mask, label in (("seg", "Tumour"), ("seg/object.dcm", 2), ("rt.dcm", None)):
        found = extract(patient / "series", patient / mask, label=label)
        assert found.keys() == wanted.keys()
        assert found["original_firstorder_Mean"] == pytest.approx(
            wanted["original_firstorder_Mean"], rel=1e-6
        )
    table = "ID,Image,Mask,Label\na,series,seg,Tumour\nb,image.nii,tumour.nii,\nc,series,rt.dcm,4\n"
    (patient / "cases.csv").write_text(table)
    out = tmp_path / "features.csv"
    assert main(["extract", str(patient / "cases.csv"), "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    numbers = {float(row["original_shape_MeshVolume"]) for row in rows}
    assert [row["ID"] for row in rows] == ["a", "b", "c"]
    assert max(numbers) == pytest.approx(min(numbers))


def test_extract_lists_the_segments_when_none_is_named(patient: Path) -> None:
    with pytest.raises(ValueError, match=r"which segment is meant; got None; .* 1 'Liver', 2 'Tum"):
        extract(patient / "series", patient / "seg")


def test_a_name_is_no_label_of_a_nifti_mask(patient: Path) -> None:
    with pytest.raises(ValueError, match="a label is a whole number, except in DICOM"):
        extract(patient / "image.nii", patient / "tumour.nii", label="Tumour")


@pytest.mark.slow
def test_the_demo_runs_on_dicom_from_header_to_report(tmp_path: Path) -> None:
    arguments = ["demo", str(tmp_path), "--patients", "20", "--format", "dicom", "--seed", "3"]
    assert main([*arguments, "--workers", "2"]) == 0
    assert main(["check", str(tmp_path / "cohort" / "study.yaml"), "--workers", "2"]) == 0
    content = json.loads((tmp_path / "results" / "result.json").read_text())
    assert content["failures"] == []
    pages = [one["page"] for one in content["case_facts"]]
    assert len(pages) == 20
    assert all((tmp_path / "results" / page).is_file() for page in pages)
