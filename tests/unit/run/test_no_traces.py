# SPDX-License-Identifier: Apache-2.0
"""Eighteen planted identifiers leave no byte in outputs, messages and reports, all the way."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
import yaml
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hepacast.cli.main import main
from hepacast.io.deidentify import find_traces
from hepacast.io.dicom.series import find_series
from hepacast.io.dicom.write import encode, uid_of
from hepacast.io.dicom.write_seg import write_seg
from hepacast.io.nifti import read_mask
from hepacast.phantom import PhantomParams, write_cohort
from hepacast.run import check as check_module

if TYPE_CHECKING:
    from pathlib import Path

PLANTED = {
    "PatientName": "Zhang^Xiaoming",
    "PatientBirthDate": "19531224",
    "PatientAddress": "7 Canary Wharf Lane",
    "PatientTelephoneNumbers": "555-0199-2233",
    "OtherPatientIDs": "SSN-078-05-1120",
    "PatientComments": "brother of Mr Canarino",
    "InstitutionName": "Canary General Hospital",
    "InstitutionAddress": "99 Birdcage Walk",
    "ReferringPhysicianName": "Doctor^Goldfinch",
    "OperatorsName": "Operator^Siskin",
    "StationName": "CANARYSTATION1",
    "DeviceSerialNumber": "SERIAL-99887766",
    "AccessionNumber": "ACC-55443322",
    "StudyDescription": "Liver CT of Xiaoming Zhang room 12b",
    "SeriesDescription": "portal phase for Goldfinch 3.0",
    "ImageComments": "call +49-170-5550001",
    "RequestedProcedureDescription": "rule out HCC in Xiaoming",
}
WORDS = [
    "Zhang", "Xiaoming", "MRN-4711", "19531224", "Canary", "CANARY", "555-0199", "078-05",
    "Canarino", "Birdcage", "Goldfinch", "Siskin", "99887766", "55443322", "5550001", "Nightingale",
    "Kestrel", "preamble secret", "张小明", "小明",
]  # fmt: skip
STUDY = {
    "schema": 1,
    "study": {"name": "traces", "synthetic": True},
    "cases": {"table": "cases.csv", "masks": {"tumour": "tumour_mask", "liver": "liver_mask"}},
    "clinical": {"table": "clinical.csv", "dictionary": "fields.yaml"},
    "outcomes": {
        "er": {
            "kind": "binary", "event": "recurrence_cause", "event_level": "1",
            "other_levels": ["0", "2"],
        }
    },
    "regions": {"tumour": {"mask": "tumour"}},
    "features": {"own": {"params": {"families": ["firstorder"]}}},
    "scores": {"s": {"from": ["own"], "steps": ["impute"], "model": "ridge"}},
    "models": {"sets": {"m": ["s"]}},
    "split": {"outer": 2, "inner": 2, "repeats": 1},
    "controls": {"permuted_labels": 0},
}  # fmt: skip


def plant(path: Path, patient: str) -> None:
    """Put identifiers into every corner of a file."""
    dataset = pydicom.dcmread(path)
    for name, value in PLANTED.items():
        setattr(dataset, name, value)
    dataset.PatientID = f"MRN-4711-{patient}"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.OtherPatientNames = "张小明"
    block = dataset.private_block(0x0009, "KESTREL MEDICAL Kestrel", create=True)
    block.add_new(0x01, "LO", "Nightingale private")
    nested = Dataset()
    nested.ScheduledProcedureStepDescription = "Nightingale nested"
    dataset.RequestAttributesSequence = Sequence([nested])
    dataset.preamble = b"preamble secret".ljust(128, b"\0")
    dataset.save_as(path)


def clip(patient: str) -> bytes:
    """Return an ultrasound clip with a name burnt in above its pane."""
    pixels = np.zeros((4, 30, 40), np.uint8)
    pixels[:, :6], pixels[:, 8:28, 4:36] = 255, 90
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = uid_of(patient, "c"), uid_of(patient)
    dataset.StudyInstanceUID = uid_of(patient, "us")
    dataset.PatientID, dataset.Modality = f"MRN-4711-{patient}", "US"
    dataset.PatientName, dataset.NumberOfFrames = PLANTED["PatientName"], "4"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 30, 40, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    item = Dataset()
    item.RegionSpatialFormat = 1
    item.RegionLocationMinX0, item.RegionLocationMaxX1 = 4, 35
    item.RegionLocationMinY0, item.RegionLocationMaxY1 = 8, 27
    dataset.SequenceOfUltrasoundRegions = Sequence([item])
    dataset.PixelData = pixels.tobytes()
    return encode(dataset)


def hospital(folder: Path, patients: int) -> Path:
    """Write a cohort as an archive would hand it out: names everywhere, masks as SEG."""
    cohort = folder / "cohort"
    params = PhantomParams(
        patients=patients, seed=3, phases=("portal",), spacing_mm=(5, 4, 4), format="dicom"
    )
    write_cohort(params, cohort)
    archive = folder / "archive of Zhang"
    archive.mkdir()
    for at in range(1, patients + 1):
        place = archive / f"Zhang_Xiaoming_{at:03d}"
        (cohort / "images" / f"P{at:03d}").rename(place)
        for path in sorted(place.rglob("*.dcm")):
            plant(path, f"{at:03d}")
        series = find_series(place / "portal")
        masks = cohort / "masks" / f"P{at:03d}"
        regions = [
            read_mask(masks / f"portal_{name}_r1.nii.gz").named(name)
            for name in ("tumour", "liver")
        ]
        (place / "seg of Zhang").mkdir()
        write_seg(regions, series, place / "seg of Zhang" / "Xiaoming.dcm")
        plant(place / "seg of Zhang" / "Xiaoming.dcm", f"{at:03d}")
    (archive / "Zhang_Xiaoming_001" / "clip of Xiaoming.dcm").write_bytes(clip("001"))
    bad = archive / "Zhang_Xiaoming_002" / "portal"
    damaged = sorted(bad.glob("*.dcm"))[4]
    damaged.write_bytes(damaged.read_bytes()[:-800])
    (bad / "notes of Zhang.txt").write_text("Xiaoming")
    return archive


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))


def write_study(folder: Path, cohort: Path, ids: dict[str, str]) -> Path:
    """Write clinical table and study beside a case table, under other case ids."""
    rows = table(cohort / "clinical.csv")
    with (folder / "clinical.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "case": ids[row["case"]]} for row in rows)
    shutil.copy(cohort / "fields.yaml", folder)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY, sort_keys=False))
    return path


def flow(folder: Path, patients: int) -> tuple[Path, Path]:
    """Convert an archive without names; return the output and its study file."""
    archive = hospital(folder, patients)
    assert {hit.split(": ")[1] for hit in find_traces(archive, WORDS)} == set(WORDS)
    out, key = folder / "out", folder / "secret" / "key"
    key.parent.mkdir()
    assert main(["convert", str(archive), str(out), "--deidentify", str(key)]) == 1
    linkage = {
        row["original"]: row["pseudonym"] for row in table(folder / "secret/key.linkage.csv")
    }
    ids = {f"P{at:03d}": linkage[f"MRN-4711-{at:03d}"] for at in range(1, patients + 1)}
    return out, write_study(out, folder / "cohort", ids)


def test_conversion_and_check_leave_no_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_module, "require_feasible", lambda _materials: None)
    out, study = flow(tmp_path, 3)
    assert main(["check", str(study)]) == 0
    said = capfd.readouterr()
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "log.txt").write_text(said.out + said.err)
    assert "1 failures" in said.out  # the damaged series
    assert find_traces(out, WORDS) == ()
    assert find_traces(tmp_path / "said", WORDS) == ()
    rows = table(out / "cases.csv")
    assert len(rows) == 2  # the damaged patient has no image
    assert all(
        row["tumour_mask"] and row["liver_mask"] and row["phase"] == "portal" for row in rows
    )
    assert {row["patient"][:3] for row in table(out / "failures.csv") if row["patient"]} == {"HC-"}
    (film,) = (out / "clips").rglob("*.dcm")
    pixels = pydicom.dcmread(film).pixel_array
    assert pixels[:, :8].max() == 0
    assert (pixels[:, 8:28, 4:36] == 90).all()


@pytest.mark.slow
def test_the_whole_flow_leaves_no_trace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, study = flow(tmp_path, 44)
    results = tmp_path / "results"
    assert main(["check", str(study)]) == 0
    assert main(["run", str(study), "--out", str(results), "--workers", "2"]) == 0
    said = capfd.readouterr()
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "log.txt").write_text(said.out + said.err)
    for place in (out, results, tmp_path / "said"):
        assert find_traces(place, WORDS) == ()
    assert (results / "report.html").is_file()
    assert len(list((results / "pages").glob("*.html"))) == 43


@pytest.mark.slow
def test_results_of_a_study_on_named_files_hold_no_names(tmp_path: Path) -> None:
    """Only the case table, which the user wrote, knows the folders."""
    archive = hospital(tmp_path, 44)
    rows = []
    for at in range(1, 45):
        place = archive / f"Zhang_Xiaoming_{at:03d}"
        rows.append(
            {"case": f"C{at:02d}", "phase": "portal", "image": place / "portal",
             "tumour_mask": place / "seg of Zhang", "liver_mask": place / "seg of Zhang"}
        )  # fmt: skip
    folder = tmp_path / "study"
    folder.mkdir()
    with (folder / "cases.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    ids = {f"P{at:03d}": f"C{at:02d}" for at in range(1, 45)}
    path = write_study(folder, tmp_path / "cohort", ids)
    content = yaml.safe_load(path.read_text())
    for name in ("tumour", "liver"):
        content["cases"]["masks"][name] = {"column": f"{name}_mask", "label": name}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    results = tmp_path / "results"
    assert main(["run", str(path), "--out", str(results), "--workers", "2"]) == 1
    assert find_traces(results, WORDS) == ()
    (failure,) = table(results / "failures.csv")
    assert failure["case"] == "C02"
    assert "file image, file 5 of" in failure["where"]
