# SPDX-License-Identifier: Apache-2.0
"""A synthetic cohort on disk."""

from __future__ import annotations

import csv
import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from pydicom import dcmread

from hepacast.core.errors import StudyError
from hepacast.core.events import Advanced, Started
from hepacast.io.images import read_image, read_region
from hepacast.io.tables import read_table
from hepacast.phantom import (
    PhantomParams,
    attainable,
    simulate_patient,
    true_performance,
    write_cohort,
)
from hepacast.table.clinical import choose_predictors, read_clinical
from hepacast.table.fields import parse_dictionary

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Event
    from hepacast.phantom import Truth

    Written = tuple[Path, Truth, list[Event]]

SMALL = PhantomParams(patients=3, spacing_mm=(9, 8, 8), phases=("arterial", "portal"))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("cohort")
    events: list[Event] = []
    truth = write_cohort(
        SMALL.model_copy(update={"second_reader_share": 1.0}), folder, events.append
    )
    return folder, truth, events


@pytest.mark.parametrize(
    "settings", [{}, {"format": "dicom", "patients": 1}, {"modality": "ceus", "patients": 1}]
)
def test_equal_settings_give_equal_bytes(tmp_path: Path, settings: dict[str, object]) -> None:
    params = SMALL.model_copy(update=settings)
    for name in ("one", "two"):
        write_cohort(params, tmp_path / name)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_gives_other_images_under_the_same_names(tmp_path: Path) -> None:
    write_cohort(SMALL, tmp_path / "one")
    write_cohort(SMALL.model_copy(update={"seed": 9}), tmp_path / "two")
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert one["images/P001/portal.nii.gz"] != two["images/P001/portal.nii.gz"]


def test_a_larger_cohort_begins_with_the_smaller_one(tmp_path: Path, cohort: Written) -> None:
    params = SMALL.model_copy(update={"patients": 4, "second_reader_share": 1.0})
    write_cohort(params, tmp_path)
    larger, smaller = digests(tmp_path), digests(cohort[0])
    images = [name for name in smaller if name.startswith(("images", "masks"))]
    assert images
    assert all(larger[name] == smaller[name] for name in images)
    assert table(tmp_path / "clinical.csv")[:3] == table(cohort[0] / "clinical.csv")


def test_the_case_table_leads_to_every_file_and_back(cohort: Written) -> None:
    folder = cohort[0]
    rows = table(folder / "cases.csv")
    assert list(rows[0]) == [
        "case",
        "site",
        "phase",
        "reader",
        "image",
        "mask_tumour",
        "mask_liver",
    ]
    assert len(rows) == 3 * 2 * 2
    named = {row[key] for row in rows for key in ("image", "mask_tumour", "mask_liver")}
    written = {
        path.relative_to(folder).as_posix()
        for room in ("images", "masks")
        for path in (folder / room).rglob("*.nii.gz")
    }
    assert named == written


def test_what_is_written_is_what_was_simulated(cohort: Written) -> None:
    folder = cohort[0]
    patient = simulate_patient(SMALL.model_copy(update={"second_reader_share": 1.0}), 2)
    image = read_image(folder / "images/P002/arterial.nii.gz")
    assert np.array_equal(image.data, patient.phases["arterial"].data)
    assert image.grid.distance_mm(patient.phases["arterial"].grid) < 1e-3
    mask = read_region(folder / "masks/P002/arterial_tumour_r2.nii.gz", "tumour", image.grid)
    assert np.array_equal(mask.mask, patient.masks["arterial", 2, "tumour"].mask)


def test_the_clinical_table_reads_by_its_dictionary_without_a_remark(cohort: Written) -> None:
    folder = cohort[0]
    remarks: list[Event] = []
    fields = parse_dictionary(yaml.safe_load((folder / "fields.yaml").read_text()), source="")
    text = read_table(folder / "clinical.csv", on_event=remarks.append)
    clinical = read_clinical(text, "case", fields, on_event=remarks.append)
    assert remarks == []
    predictors = choose_predictors(clinical, None)
    assert {"afp", "diameter_mm"} <= set(predictors)
    assert not {"response_3_months", "recurrence_cause", "site", "case"} & set(predictors)


def test_truth_is_written_and_returned(cohort: Written) -> None:
    folder, truth, _ = cohort
    record = json.loads((folder / "truth.json").read_text())
    assert record["synthetic"] is True
    assert record["performance"] == truth.as_dict()
    reached = [(a["end_point"], a["predictor"], a["auc"]) for a in record["attainable_auc"]]
    assert tuple(reached) == attainable(SMALL)
    assert set(record["cases"]) == {"P001", "P002", "P003"}
    assert PhantomParams.model_validate(record["settings"]) == SMALL.model_copy(
        update={"second_reader_share": 1.0}
    )
    assert "SYNTHETIC" in (folder / "README.txt").read_text()
    assert truth == true_performance(SMALL)


def test_progress_is_told_per_patient(cohort: Written) -> None:
    events = cohort[2]
    assert events == [Started("phantom", 3), *(Advanced("phantom", f"P00{i}") for i in (1, 2, 3))]


def test_a_second_cohort_does_not_go_into_the_same_folder(cohort: Written) -> None:
    before = digests(cohort[0])
    with pytest.raises(StudyError, match="Choose another folder"):
        write_cohort(SMALL, cohort[0])
    assert digests(cohort[0]) == before


def test_masks_on_the_portal_phase_serve_every_row(tmp_path: Path) -> None:
    write_cohort(SMALL.model_copy(update={"masks_on": "portal", "patients": 1}), tmp_path)
    rows = table(tmp_path / "cases.csv")
    assert {row["phase"] for row in rows} == {"arterial", "portal"}
    assert {row["mask_tumour"] for row in rows} == {"masks/P001/portal_tumour_r1.nii.gz"}


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_dicom_series_read_back_to_the_same_voxels(tmp_path: Path, modality: str) -> None:
    params = SMALL.model_copy(update={"format": "dicom", "modality": modality, "patients": 1})
    write_cohort(params, tmp_path)
    patient = simulate_patient(params, 1)
    remarks: list[Event] = []
    for row in table(tmp_path / "cases.csv"):
        image = read_image(tmp_path / row["image"], on_event=remarks.append)
        assert np.array_equal(image.data, patient.phases[row["phase"]].data)
        read_region(tmp_path / row["mask_tumour"], "tumour", image.grid)
    assert remarks == []


def test_dicom_headers_tell_the_phases_apart(tmp_path: Path) -> None:
    write_cohort(SMALL.model_copy(update={"format": "dicom", "patients": 1}), tmp_path)
    heads = {
        phase: dcmread(next((tmp_path / "images/P001" / phase).glob("*.dcm")))
        for phase in ("arterial", "portal")
    }
    assert len({head.SeriesInstanceUID for head in heads.values()}) == 2
    assert len({head.StudyInstanceUID for head in heads.values()}) == 1
    assert heads["arterial"].AcquisitionTime < heads["portal"].AcquisitionTime
    assert heads["arterial"].SeriesDescription != heads["portal"].SeriesDescription
    assert all(head.ContrastBolusAgent for head in heads.values())
    assert all(head.PatientIdentityRemoved == "YES" for head in heads.values())


def test_an_ultrasound_cohort_has_a_clip_with_time_and_scale(tmp_path: Path) -> None:
    params = SMALL.model_copy(update={"modality": "ceus", "patients": 1})
    write_cohort(params, tmp_path)
    (row,) = table(tmp_path / "clips.csv")
    clip = dcmread(tmp_path / row["clip"])
    simulated = simulate_patient(params, 1).clip
    assert simulated is not None
    assert np.array_equal(clip.pixel_array, simulated.frames)
    assert float(clip.FrameTime) == 1000 * simulated.frame_seconds
    left, right = clip.SequenceOfUltrasoundRegions
    assert left.PhysicalDeltaX == pytest.approx(simulated.pixel_mm / 10)
    assert left.RegionLocationMaxX1 + 1 == right.RegionLocationMinX0
    assert (tmp_path / row["mask_tumour"]).exists()
    stills = {r["phase"] for r in table(tmp_path / "cases.csv")}
    assert stills == {"greyscale", "arterial", "portal", "late"}
