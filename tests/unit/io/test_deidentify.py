"""Nothing of the patient is left, and everything of the science."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence

from hepacast.core.errors import ImageFileError
from hepacast.io.deidentify import Pseudonyms, deidentify, deidentify_file, find_traces
from hepacast.io.dicom.descriptions import clean_text
from hepacast.io.dicom.series import read_series
from hepacast.io.dicom.write import SeriesIdentity, encode, uid_of, write_series

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.volume import Volume

NAMES = Pseudonyms(b"a key that nobody else has")
PLANTED = {
    "PatientName": "Zhang^Xiaoming",
    "PatientID": "MRN-4711-0815",
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
    "Zhang", "Xiaoming", "4711", "19531224", "Canary", "CANARY", "0199", "078-05", "Canarino",
    "Birdcage", "Goldfinch", "Siskin", "99887766", "55443322", "5550001", "12b", "Nightingale",
    "Kestrel", "preamble secret", "张", "小明",
]  # fmt: skip


def plant(path: Path, study_date: str = "20190314") -> None:
    """Put identifiers into every corner of a file."""
    dataset = pydicom.dcmread(path)
    for name, value in PLANTED.items():
        setattr(dataset, name, value)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.OtherPatientNames = "张小明"
    dataset.StudyDate = dataset.AcquisitionDate = study_date
    dataset.AcquisitionTime, dataset.PatientAge, dataset.PatientSex = "101530", "065Y", "M"
    block = dataset.private_block(0x0009, "KESTREL MEDICAL Kestrel", create=True)
    block.add_new(0x01, "LO", "Nightingale private")
    nested = Dataset()
    nested.ScheduledProcedureStepDescription = "Nightingale nested"
    nested.ContentSequence = Sequence([nested.__class__({})])
    dataset.RequestAttributesSequence = Sequence([nested])
    dataset.DataSetTrailingPadding = b"Nightingale padding."
    dataset.preamble = b"preamble secret".ljust(128, b"\0")
    dataset.save_as(path)


@pytest.fixture
def planted(tmp_path: Path, ct: Volume) -> tuple[Path, ...]:
    folder = tmp_path / "Zhang_Xiaoming_4711"
    paths = write_series(ct, folder, SeriesIdentity(series="portal"))
    for path in paths:
        plant(path)
    return paths


def test_eighteen_planted_identifiers_leave_no_byte_behind(
    tmp_path: Path, planted: tuple[Path, ...]
) -> None:
    assert len(PLANTED) == 18
    assert len({hit.split(": ")[1] for hit in find_traces(planted[0].parent, WORDS)}) >= 18
    out = tmp_path / "out"
    for path in planted:
        deidentify_file(path, out, NAMES, phase="portal")
    assert find_traces(out, WORDS) == ()
    assert len(list(out.rglob("*.dcm"))) == len(planted)


def test_the_image_and_the_science_stay(
    tmp_path: Path, planted: tuple[Path, ...], ct: Volume
) -> None:
    for path in planted:
        target = deidentify_file(path, tmp_path / "out", NAMES, phase="portal")
    back = read_series(tmp_path / "out")
    assert np.array_equal(back.data, ct.data)
    assert back.grid.distance_mm(ct.grid) < 1e-6
    dataset = pydicom.dcmread(target)
    assert (dataset.PatientAge, dataset.PatientSex, dataset.KVP) == ("065Y", "M", 120)
    assert dataset.AcquisitionTime == "101530"
    assert dataset.ContrastBolusAgentPhase == "PORTAL_VENOUS"
    assert dataset.SeriesDescription == "portal phase for 3.0"
    assert dataset.PatientIdentityRemoved == "YES"
    codes = {item.CodeValue for item in dataset.DeidentificationMethodCodeSequence}
    assert codes == {"113100", "113105", "113107", "113108"}


def test_intervals_between_dates_stay_and_dates_do_not(planted: tuple[Path, ...]) -> None:
    plant(planted[1], "20190614")
    first, second = (deidentify(pydicom.dcmread(path), NAMES) for path in planted[:2])
    assert first.StudyDate != "20190314"
    days = [np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in (first.StudyDate, second.StudyDate)]
    assert int((days[1] - days[0]).astype(int)) == 92


def test_one_patient_has_one_pseudonym_and_another_key_another(planted: tuple[Path, ...]) -> None:
    dataset = pydicom.dcmread(planted[0])
    other = Pseudonyms(b"quite another key here")
    assert deidentify(dataset, NAMES).PatientID == deidentify(dataset, NAMES).PatientID
    assert deidentify(dataset, NAMES).PatientID != deidentify(dataset, other).PatientID
    assert deidentify(dataset, NAMES).SOPInstanceUID != dataset.SOPInstanceUID
    assert deidentify(dataset, NAMES).SOPClassUID == dataset.SOPClassUID


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ImageFileError, match="at least 16 bytes"):
        Pseudonyms(b"short")


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_text_inside_compressed_pixels_is_cut_out(tmp_path: Path, name: str) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file(name)))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    note = b"call Xiaoming Zhang"
    marker = b"\xff\x64" if frame[:2] == b"\xff\x4f" else b"\xff\xfe"
    segment = marker + (len(note) + 4).to_bytes(2, "big") + b"\0\1" + note
    # A comment stands after the size segment of JPEG 2000, anywhere in a JPEG header.
    at = 4 + int.from_bytes(frame[4:6], "big") if marker == b"\xff\x64" else 2
    dataset.PixelData = encapsulate([frame[:at] + segment + frame[at:]])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "x.dcm")
    assert find_traces(tmp_path, ["Xiaoming"])
    target = deidentify_file(tmp_path / "x.dcm", tmp_path / "out", NAMES)
    assert find_traces(tmp_path / "out", ["Xiaoming"]) == ()
    original = pydicom.dcmread(str(get_testdata_file(name))).pixel_array
    assert np.array_equal(pydicom.dcmread(target).pixel_array, original)


def test_great_ages_are_bounded(planted: tuple[Path, ...]) -> None:
    dataset = pydicom.dcmread(planted[0])
    dataset.PatientAge = "094Y"
    assert deidentify(dataset, NAMES).PatientAge == "090Y"


def ultrasound(*, calibrated: bool) -> Dataset:
    pixels = np.zeros((3, 40, 60, 3), np.uint8)
    pixels[:, :6, :30] = 255
    pixels[:, 10:30, 10:50] = 120
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = uid_of("us"), uid_of("uss")
    dataset.PatientID, dataset.Modality, dataset.NumberOfFrames = "P7", "US", "3"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 40, 60, 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = pixels.tobytes()
    if calibrated:
        item = Dataset()
        item.RegionSpatialFormat = 1
        item.RegionLocationMinX0, item.RegionLocationMaxX1 = 10, 49
        item.RegionLocationMinY0, item.RegionLocationMaxY1 = 10, 29
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
        item.PhysicalDeltaX = item.PhysicalDeltaY = 0.03
        dataset.SequenceOfUltrasoundRegions = Sequence([item])
    return dataset


def test_burnt_in_text_outside_the_panes_is_blanked(tmp_path: Path) -> None:
    (tmp_path / "us.dcm").write_bytes(encode(ultrasound(calibrated=True)))
    target = deidentify_file(tmp_path / "us.dcm", tmp_path / "out", NAMES)
    pixels = pydicom.dcmread(target).pixel_array
    assert pixels[:, :10].max() == 0
    assert np.all(pixels[:, 10:30, 10:50] == 120)


def test_a_grey_clip_is_blanked_too(tmp_path: Path) -> None:
    grey = ultrasound(calibrated=True)
    grey.PixelData = grey.PixelData[::3]
    grey.SamplesPerPixel, grey.PhotometricInterpretation = 1, "MONOCHROME2"
    del grey.PlanarConfiguration
    (tmp_path / "us.dcm").write_bytes(encode(grey))
    target = deidentify_file(tmp_path / "us.dcm", tmp_path / "out", NAMES)
    pixels = pydicom.dcmread(target).pixel_array
    assert pixels.shape == (3, 40, 60)
    assert pixels[:, :10].max() == 0
    assert np.all(pixels[:, 10:30, 10:50] == 120)


def test_ultrasound_without_panes_and_screenshots_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match="declared panes"):
        deidentify(ultrasound(calibrated=False), NAMES)
    shot = ultrasound(calibrated=True)
    shot.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    with pytest.raises(ImageFileError, match="a screenshot"):
        deidentify(shot, NAMES)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ABD/PEL W/O 2.0 B31f Mueller", "ABD/PEL W/O 2.0 B31f"),
        ("T1 VIBE FS TRA 20 min Dr.Smith", "T1 VIBE FS TRA 20 min"),
        ("19531224 13:05 0171-5550001", ""),
    ],
)
def test_descriptions_keep_radiology_and_lose_the_rest(text: str, kept: str) -> None:
    assert clean_text(text) == kept
