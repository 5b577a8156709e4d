# SPDX-License-Identifier: Apache-2.0
"""Phantom examinations as DICOM: headers as a scanner would write them, and ultrasound films."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hepacast.io.dicom.write import SeriesIdentity, encode, uid_of
from hepacast.io.streams import write_verified
from hepacast.phantom.tissue import PHASES, SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

    from hepacast.phantom.patient import Patient
    from hepacast.phantom.ultrasound import Clip

_CLIP_CLASS = "1.2.840.10008.5.1.4.1.1.3.1"
_START_S = 9 * 3600 + 30 * 60
_DATE = "20200106"

# Centres name the phases in their own way, as real ones do.
_NAMES = (
    {"native": "LIVER NATIVE", "arterial": "LIVER ARTERIAL", "portal": "LIVER PORTAL VENOUS",
     "delayed": "LIVER DELAYED"},
    {"native": "Abd w/o", "arterial": "Abd AP", "portal": "Abd PVP", "delayed": "Abd DP 3min"},
    {"native": "plain", "arterial": "late arterial 35s", "portal": "venous 70s",
     "delayed": "equilibrium 180s"},
)  # fmt: skip


def series_identity(patient: Patient, phase: str) -> SeriesIdentity:
    """Header of one phase of a CT or MR examination.

    Parameters
    ----------
    patient : Patient
        Whose.
    phase : str
        One of the patient's phases.

    Returns
    -------
    SeriesIdentity
        For :func:`hepacast.io.dicom.write.write_series`; the identifiers follow
        from seed, patient and phase.
    """
    machine, at = patient.scanner, SECONDS[phase]
    modality: Literal["CT", "MR"] = "MR" if patient.modality == "mr" else "CT"
    attributes: dict[str, object] = _common(patient) | {
        "SeriesDescription": _NAMES[(int(patient.site[1:]) - 1) % len(_NAMES)][phase],
        "SeriesNumber": PHASES.index(phase) + 2,
        "AcquisitionNumber": PHASES.index(phase) + 1,
        "AcquisitionDate": _DATE,
        "ContentDate": _DATE,
        "SeriesDate": _DATE,
        "SeriesTime": _clock(_START_S + at),
        "AcquisitionTime": _clock(_START_S + at),
        "ContentTime": _clock(_START_S + at + 5),
        "BodyPartExamined": "ABDOMEN",
    }
    if phase != "native":
        attributes |= {
            "ContrastBolusAgent": "GADOTERATE" if modality == "MR" else "IOHEXOL 350",
            "ContrastBolusStartTime": _clock(_START_S),
        }
    if modality == "CT":
        attributes |= {
            "ConvolutionKernel": machine.kernel,
            "RescaleType": "HU",
            "WindowCenter": "80",
            "WindowWidth": "300",
        }
    else:
        attributes |= {
            "MagneticFieldStrength": f"{machine.field_tesla:g}",
            "ScanningSequence": "GR",
            "SequenceVariant": "SP",
            "ScanOptions": "FS",
            "MRAcquisitionType": "3D",
            "RepetitionTime": "4.1",
            "EchoTime": "1.9",
            "FlipAngle": "10",
        }
    return SeriesIdentity(
        patient=patient.case,
        study=f"phantom {patient.seed} {patient.modality}",
        series=phase,
        modality=modality,
        attributes=attributes,
    )


def write_clip(clip: Clip, path: Path, patient: Patient) -> None:
    """Write an ultrasound film as one multi-frame file.

    Parameters
    ----------
    clip : Clip
        The frames.
    path : Path
        Where to; its folder must exist.
    patient : Patient
        Whose.

    Raises
    ------
    ImageFileError
        If the disk refuses.
    """
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly
    from pydicom.tag import Tag  # noqa: PLC0415

    keys = patient.case, f"phantom {patient.seed} ceus"
    frames, rows, columns = clip.frames.shape
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = _CLIP_CLASS
    ds.SOPInstanceUID = uid_of(*keys, "clip", "0")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid_of(*keys), uid_of(*keys, "clip")
    ds.PatientID = ds.PatientName = patient.case
    ds.PatientBirthDate = ds.AccessionNumber = ds.ReferringPhysicianName = ds.StudyID = ""
    ds.Modality, ds.ImageType = "US", ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.SeriesDescription, ds.SeriesNumber, ds.InstanceNumber = "CEUS liver, dual screen", 2, 1
    for name, value in _common(patient).items():
        setattr(ds, name, value)
    ds.AcquisitionDateTime = f"{_DATE}{_clock(_START_S)}"
    ds.ContentDate, ds.ContentTime = _DATE, _clock(_START_S)
    ds.ContrastBolusAgent = "SULFUR HEXAFLUORIDE MICROBUBBLES"
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames, rows, columns
    ds.FrameTime = f"{clip.frame_seconds * 1000:g}"
    ds.FrameIncrementPointer = Tag("FrameTime")
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.LossyImageCompression = "00"
    ds.SequenceOfUltrasoundRegions = [_region(clip, panel) for panel in clip.panels]
    ds.PixelData = clip.frames.tobytes()
    write_verified(path, [encode(ds)])


def _region(clip: Clip, panel: tuple[int, int]) -> Dataset:
    """Calibration of one panel (PS3.3 C.8.5.5): a two-dimensional tissue image in centimetres."""
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    first, width = panel
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = first, 0
    region.RegionLocationMaxX1 = first + width - 1
    region.RegionLocationMaxY1 = clip.frames.shape[1] - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = clip.pixel_mm / 10
    return region


def _common(patient: Patient) -> dict[str, object]:
    """Attributes of every phantom image."""
    return {
        "PatientName": f"PHANTOM^{patient.case}",
        "PatientSex": "M" if patient.clinical["sex"] == "male" else "F",
        "StudyDate": _DATE,
        "StudyTime": _clock(_START_S - 60),
        "StudyDescription": "Liver, synthetic",
        "Manufacturer": patient.scanner.vendor,
        "ManufacturerModelName": patient.scanner.model,
        "InstitutionName": patient.site,
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "never a patient: simulated",
        "BurnedInAnnotation": "NO",
        "ImageComments": "SYNTHETIC",
    }


def _clock(seconds: float) -> str:
    """Write a time of day.

    >>> _clock(34235)
    '093035'
    """
    whole = round(seconds)
    return f"{whole // 3600:02d}{whole // 60 % 60:02d}{whole % 60:02d}"
