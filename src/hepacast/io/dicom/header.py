# SPDX-License-Identifier: Apache-2.0
"""The few attributes by which DICOM images are sorted and placed."""

from __future__ import annotations

import logging
import struct
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydicom.errors import BytesLengthException, InvalidDicomError

from hepacast.core.errors import ImageFileError
from hepacast.io.dicom.values import (
    first_positive,
    first_value,
    number,
    numbers,
    seconds,
    whole,
    words,
)
from hepacast.io.streams import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom import Dataset
    from pydicom.tag import BaseTag

DEFLATED = "1.2.840.10008.1.2.1.99"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# CT, MR, ultrasound, screenshots, PET and segmentations, single and multi-frame.
_IMAGES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{n}"
    for n in ("2", "2.1", "4", "4.1", "3.1", "6.1", "7", "7.1", "7.2", "7.4", "128", "66.4")
)
_HEAD = 4096
"""Bytes at the start of a file that are looked at before anything is parsed."""

MALFORMED = (
    ValueError, TypeError, KeyError, AttributeError, IndexError, EOFError, NotImplementedError,
    RecursionError, OverflowError, MemoryError, struct.error, UnicodeError, RuntimeError,
    BytesLengthException, InvalidDicomError,
)  # fmt: skip
"""What the DICOM library raises on bytes that are not DICOM."""

_TAGS = [
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID",
    "StudyInstanceUID", "PatientID", "PatientSex", "PatientBirthDate", "PatientPosition",
    "Modality", "ImageType", "SeriesDescription", "SeriesNumber", "InstanceNumber", "StudyDate",
    "AcquisitionNumber", "AcquisitionTime", "ContentTime", "TriggerTime",
    "TemporalPositionIdentifier", "EchoTime", "DiffusionBValue", "FrameOfReferenceUID",
    "ConvolutionKernel", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated",
    "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SliceThickness",
    "SpacingBetweenSlices", "PhotometricInterpretation", "SequenceOfUltrasoundRegions",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "ContrastBolusStartTime", "ContrastBolusAgentPhase",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """One image: a file, or one frame of a multi-frame file.

    Positions are LPS, mm.  An attribute that the file does not have is ``None``
    or empty.
    """

    file: Path
    frame: int
    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str
    study_date: str
    patient: tuple[str, str, str]
    """PatientID, sex and birth date: what tells patients apart."""
    patient_position: str
    modality: str
    image_type: tuple[str, ...]
    description: str
    series_number: int | None
    instance: int | None
    acquisition: float | None
    acquisition_time: float | None
    content_time: float | None
    trigger_time: float | None
    temporal: float | None
    echo_time: float | None
    b_value: float | None
    frame_of_reference: str
    kernel: str
    rows: int
    columns: int
    frames: int
    photometric: str
    spacing: tuple[float, float] | None
    """Distance between rows and between columns, mm."""
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    thickness: float | None
    syntax: str
    contrast_time: float | None = None
    """When the contrast medium was injected, seconds since midnight."""
    contrast_phase: str = ""
    """ContrastBolusAgentPhase: ``ARTERIAL``, ``PORTAL_VENOUS`` ..."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's remarks from the user: what matters is checked here.

    The remarks quote odd values, and so could carry a patient's name into a log.
    """
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@cache
def _tags() -> list[BaseTag | int]:
    """Look the tags up once: the library would do it anew for every file."""
    from pydicom.tag import Tag  # noqa: PLC0415 - loads slowly

    return [Tag(name) for name in _TAGS]


def spoken(error: BaseException) -> str:
    """Say what the library found, without the values that it quotes: one may be a name.

    Examples
    --------
    >>> spoken(ValueError("could not convert string to float: 'Zhang'"))
    'ValueError'
    >>> spoken(EOFError("Unexpected end of file"))
    'EOFError: Unexpected end of file'
    """
    kind = type(error).__name__
    harmless = isinstance(error, EOFError | struct.error | InvalidDicomError | NotImplementedError)
    return f"{kind}: {str(error)[:120]}" if harmless else kind


def open_dicom(path: Path, *, tags: list[BaseTag | int] | None = None) -> Dataset:
    """Read a file, without its pixels if only some tags are wanted.

    Raises
    ------
    ImageFileError
        If it is unreadable, no DICOM, or deflated: a deflated file of 1 MB can
        unpack to gigabytes before its first tag is seen.
    """
    import pydicom  # noqa: PLC0415 - loads slowly

    try:
        with path.open("rb") as file:
            start = file.read(_HEAD)
    except OSError as error:
        raise unreadable(path, error) from error
    bare = start[128:132] != b"DICM"
    if bare and start[:2] != b"\x08\x00":
        raise ImageFileError(
            what="a DICOM file has DICM at byte 128",
            got=f"{len(start)} bytes beginning with {start[:8].hex(' ')}" if start else "0 bytes",
            fix="This is not DICOM: check the path.",
        ).at(file=path)
    try:
        with quiet():
            if not bare and not _surely_not_deflated(start):
                _refuse_deflated(path, pydicom.filereader.read_file_meta_info(path))
            dataset = pydicom.dcmread(
                path, stop_before_pixels=tags is not None, force=bare, specific_tags=tags
            )
            return _with_syntax(dataset)
    except MALFORMED as error:
        if isinstance(error, ImageFileError):
            raise
        raise ImageFileError(
            what="a DICOM file must be readable to its end",
            got=spoken(error),
            fix="The file is damaged: send it from the archive again.",
        ).at(file=path) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _with_syntax(dataset: Dataset) -> Dataset:
    """Add the transfer syntax that a file without meta header was found to have."""
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian  # noqa: PLC0415

    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def _surely_not_deflated(start: bytes) -> bool:
    """Tell from the first bytes that hold the whole meta header; parsing it costs ten times more.

    The header begins with its own length: (0002,0000), UL, 4 bytes.
    """
    if start[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        return False
    end = 144 + int.from_bytes(start[140:144], "little")
    return end <= len(start) and DEFLATED.encode() not in start[144:end]


def _refuse_deflated(path: Path, meta: Dataset) -> None:
    if meta.get("TransferSyntaxUID") == DEFLATED:
        raise ImageFileError(
            what="deflated DICOM files are not read",
            got=f"transfer syntax {DEFLATED}",
            fix="Send the series in another transfer syntax (dcmconv +te of DCMTK).",
        ).at(file=path)


def read_headers(path: Path) -> tuple[SliceHeader, ...]:
    """Return the header of every image of one file.

    Parameters
    ----------
    path : Path
        A DICOM file.

    Returns
    -------
    tuple of SliceHeader
        One per frame; one for objects that are no images (``rows`` is then 0).

    Raises
    ------
    ImageFileError
        If the file is no DICOM file, or damaged.
    """
    dataset = open_dicom(path, tags=_tags())
    try:
        with quiet():
            _require_whole_header(path, dataset)
            frames = dataset.get("PerFrameFunctionalGroupsSequence")
            if not frames or "Rows" not in dataset:
                return (_header(path, dataset, [dataset], 0),)
            shared = dataset.get("SharedFunctionalGroupsSequence") or []
            return tuple(
                _header(path, dataset, [*_groups(frame), *_groups(*shared), dataset], at)
                for at, frame in enumerate(frames)
            )
    except ImageFileError:
        raise
    except MALFORMED as error:
        raise ImageFileError(
            what="the attributes of a DICOM image must be readable",
            got=spoken(error),
            fix="The file is damaged: send it from the archive again.",
        ).at(file=path) from error


def _require_whole_header(path: Path, dataset: Dataset) -> None:
    """Refuse an image whose header ends before the size of its pixels."""
    kind = dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID")
    if kind in _IMAGES and not (dataset.get("Rows") and dataset.get("Columns")):
        raise ImageFileError(
            what="the header of a DICOM image must be complete",
            got="no Rows and Columns",
            fix="The file was cut short: send it from the archive again.",
        ).at(file=path)


def _groups(*items: Dataset) -> list[Dataset]:
    """List the macros of a functional group, one level down."""
    return [
        macro[0]
        for item in items
        for macro in (element.value for element in item if element.VR == "SQ")
        if macro
    ]


def _header(path: Path, dataset: Dataset, places: list[Dataset], frame: int) -> SliceHeader:
    def text(name: str) -> str:
        value = dataset.get(name)
        return "" if value is None else str(value).strip()

    def place(name: str, count: int) -> tuple[float, ...] | None:
        return numbers(first_value(places, name), count)

    spacing = place("PixelSpacing", 2)
    meta = getattr(dataset, "file_meta", None)
    return SliceHeader(
        file=path,
        frame=frame,
        sop_class=text("SOPClassUID"),
        sop_uid=text("SOPInstanceUID"),
        series_uid=text("SeriesInstanceUID"),
        study_uid=text("StudyInstanceUID"),
        study_date=text("StudyDate"),
        patient=(text("PatientID"), text("PatientSex"), text("PatientBirthDate")),
        patient_position=text("PatientPosition"),
        modality=text("Modality"),
        image_type=words(first_value(places, "FrameType") or dataset.get("ImageType")),
        description=text("SeriesDescription"),
        series_number=whole(dataset.get("SeriesNumber")),
        instance=whole(dataset.get("InstanceNumber")),
        acquisition=number(first_value(places, "FrameAcquisitionNumber", "AcquisitionNumber")),
        acquisition_time=seconds(first_value(places, "FrameReferenceDateTime", "AcquisitionTime")),
        content_time=seconds(dataset.get("ContentTime")),
        trigger_time=number(first_value(places, "NominalCardiacTriggerDelayTime", "TriggerTime")),
        temporal=number(first_value(places, "TemporalPositionIndex", "TemporalPositionIdentifier")),
        echo_time=number(first_value(places, "EffectiveEchoTime", "EchoTime")),
        b_value=number(first_value(places, "DiffusionBValue")),
        frame_of_reference=text("FrameOfReferenceUID"),
        kernel="\\".join(words(first_value(places, "ConvolutionKernel"))),
        rows=whole(dataset.get("Rows")) or 0,
        columns=whole(dataset.get("Columns")) or 0,
        frames=whole(dataset.get("NumberOfFrames")) or 1,
        photometric=text("PhotometricInterpretation"),
        spacing=(spacing[0], spacing[1]) if spacing else _ultrasound_spacing(dataset),
        orientation=place("ImageOrientationPatient", 6),
        position=place("ImagePositionPatient", 3),
        thickness=first_positive(places, "SpacingBetweenSlices", "SliceThickness"),
        syntax=str(meta.get("TransferSyntaxUID", "")) if meta else "",
        contrast_time=seconds(dataset.get("ContrastBolusStartTime")),
        contrast_phase=text("ContrastBolusAgentPhase").upper(),
    )


def _ultrasound_spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Row and column distance of the calibrated regions, mm, if they all agree (PS3.3 C.8.5.5)."""
    found = set()
    for region in dataset.get("SequenceOfUltrasoundRegions") or ():
        units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
        x, y = number(region.get("PhysicalDeltaX")), number(region.get("PhysicalDeltaY"))
        # Unit 3 is centimetres; 1D and Doppler regions are in seconds or cm/s.
        if units == (3, 3) and x and y:
            found.add((10 * abs(y), 10 * abs(x)))
    return found.pop() if len(found) == 1 else None
