# SPDX-License-Identifier: Apache-2.0
"""DICOM files without their patient, and with their science.

Everything that is not on a list of harmless attributes is dropped, at every depth;
so private tags, comments and what the next version of the standard adds never pass.
Intervals between dates, the patient's characteristics and the contrast phase stay.

Source: DICOM PS3.15 Annex E: Basic Application Level Confidentiality Profile
(113100) with the options Clean Descriptors (113105), Retain Longitudinal Temporal
Information Modified Dates (113107) and Retain Patient Characteristics (113108).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.errors import ImageFileError
from hepacast.io.clip import MPEG, blank_outside, list_panes, mpeg_frames
from hepacast.io.dicom.comments import without_comments
from hepacast.io.dicom.descriptions import clean_text
from hepacast.io.dicom.header import MALFORMED, SECONDARY_CAPTURE, open_dicom, quiet
from hepacast.io.dicom.pixels import require_codec
from hepacast.io.dicom.write import EXPLICIT_LITTLE
from hepacast.io.streams import require_size, write_verified

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom import Dataset
    from pydicom.dataelem import DataElement


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEPT = _words(
    """
    SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID StudyDate SeriesDate
    AcquisitionDate ContentDate AcquisitionDateTime StudyTime SeriesTime AcquisitionTime
    ContentTime Modality Manufacturer ManufacturerModelName SoftwareVersions StudyDescription
    SeriesDescription ProtocolName BodyPartExamined PatientSex PatientAge PatientSize
    PatientWeight PatientPosition ScanningSequence SequenceVariant ScanOptions MRAcquisitionType
    SequenceName SliceThickness KVP RepetitionTime EchoTime InversionTime NumberOfAverages
    ImagingFrequency ImagedNucleus EchoNumbers MagneticFieldStrength SpacingBetweenSlices
    EchoTrainLength PixelBandwidth DataCollectionDiameter ReconstructionDiameter
    GantryDetectorTilt TableHeight RotationDirection ExposureTime XRayTubeCurrent Exposure
    FilterType GeneratorPower FocalSpots ConvolutionKernel FlipAngle ContrastBolusAgent
    ContrastBolusRoute ContrastBolusVolume ContrastBolusStartTime ContrastBolusStopTime
    ContrastBolusTotalDose ContrastFlowRate ContrastBolusIngredient ContrastBolusAgentPhase
    TriggerTime FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate SpiralPitchFactor
    DiffusionBValue StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID SeriesNumber
    AcquisitionNumber InstanceNumber ImagePositionPatient ImageOrientationPatient
    TemporalPositionIdentifier NumberOfTemporalPositions SliceLocation SamplesPerPixel
    PhotometricInterpretation PlanarConfiguration NumberOfFrames FrameIncrementPointer Rows
    Columns PixelSpacing PixelAspectRatio BitsAllocated BitsStored HighBit PixelRepresentation
    SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit
    WindowCenter WindowWidth RescaleIntercept RescaleSlope RescaleType LossyImageCompression
    LossyImageCompressionRatio RedPaletteColorLookupTableDescriptor
    GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor
    RedPaletteColorLookupTableData GreenPaletteColorLookupTableData
    BluePaletteColorLookupTableData PixelData SequenceOfUltrasoundRegions RegionSpatialFormat
    RegionDataType RegionFlags RegionLocationMinX0 RegionLocationMinY0 RegionLocationMaxX1
    RegionLocationMaxY1 ReferencePixelX0 ReferencePixelY0 PhysicalUnitsXDirection
    PhysicalUnitsYDirection PhysicalDeltaX PhysicalDeltaY SharedFunctionalGroupsSequence
    PerFrameFunctionalGroupsSequence PlanePositionSequence PlaneOrientationSequence
    PixelMeasuresSequence PixelValueTransformationSequence FrameContentSequence
    FrameAcquisitionDateTime FrameReferenceDateTime FrameAcquisitionNumber TemporalPositionIndex
    DimensionIndexValues StackID InStackPositionNumber SegmentIdentificationSequence
    ReferencedSegmentNumber SegmentSequence SegmentNumber SegmentLabel SegmentAlgorithmType
    SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence CodeValue
    CodingSchemeDesignator CodeMeaning SegmentationType SegmentationFractionalType
    MaximumFractionalValue ReferencedSeriesSequence ReferencedInstanceSequence
    ReferencedSOPClassUID ReferencedSOPInstanceUID FrameType CTImageFrameTypeSequence
    DimensionOrganizationSequence DimensionOrganizationUID DimensionIndexSequence
    DimensionIndexPointer FunctionalGroupPointer
    """
)
_TEXTS = frozenset(
    ("StudyDescription", "SeriesDescription", "ProtocolName", "ContrastBolusAgent", "SegmentLabel",
     "SequenceName", "FilterType", "SoftwareVersions", "CodeMeaning", "StackID")
)  # fmt: skip
_STANDARD_UID = re.compile(r"1\.2\.840\.10008\.")
_PHASE_CODES = {
    "native": "PRE_CONTRAST",
    "arterial": "ARTERIAL",
    "portal": "PORTAL_VENOUS",
    "delayed": "DELAYED",
    "hepatobiliary": "STEADY_STATE",
}
_METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)
_OLDEST_YEARS = 89


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names, identifiers and date shifts that only the holder of a key can trace.

    Parameters
    ----------
    key : bytes
        At least 16 bytes, kept apart from the data; the same key gives the same
        pseudonyms, so that a follow-up joins its patient.

    Raises
    ------
    ImageFileError
        If the key is too short to keep anything secret.

    Examples
    --------
    >>> names = Pseudonyms(b"sixteen secret b")
    >>> names.patient("12345") == names.patient("12345"), names.patient("12345").startswith("HC-")
    (True, True)
    """

    key: bytes

    def __post_init__(self) -> None:
        """Refuse a key that can be guessed."""
        if len(self.key) < 16:
            raise ImageFileError(
                what="a pseudonym key has at least 16 bytes",
                got=f"{len(self.key)}",
                fix="Make one with: python -c 'import secrets; print(secrets.token_hex(16))'.",
            )

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.new(self.key, f"{kind}\0{text}".encode(), hashlib.sha256).digest()

    def patient(self, identifier: str) -> str:
        """Return the pseudonym of a PatientID."""
        return f"HC-{self._digest('patient', identifier.strip()).hex()[:12].upper()}"

    def uid(self, uid: str) -> str:
        """Return the replacement of an instance identifier; classes of the standard stay."""
        if not uid or _STANDARD_UID.match(uid):
            return uid
        return f"2.25.{int.from_bytes(self._digest('uid', uid)[:16], 'big')}"

    def days(self, identifier: str) -> int:
        """Return the shift of all dates of a patient, 30 to 3,679 days into the past."""
        digest = self._digest("days", identifier.strip())
        return -30 - int.from_bytes(digest[:4], "big") % 3650


def deidentify(dataset: Dataset, names: Pseudonyms, *, phase: str | None = None) -> Dataset:
    """Return a copy without anything that names the patient.

    Parameters
    ----------
    dataset : Dataset
        As read.
    names : Pseudonyms
        Replacements.
    phase : str or None
        Contrast phase, found before the descriptions are cleaned; kept as the coded
        ContrastBolusAgentPhase (0018,9344).

    Raises
    ------
    ImageFileError
        If the object is a screenshot, or says that text is burnt in where no pane
        is declared: its pixels cannot be made safe.

    Notes
    -----
    Times of day stay, so that the order of phases does; only dates are shifted.
    Ages above 89 become 90.
    """
    try:
        with quiet():
            identifier = str(dataset.get("PatientID") or dataset.get("PatientName") or "")
            clean = _cleaned(dataset, names, names.days(identifier))
            _safe_pixels(clean, dataset)
            clean.PatientID = clean.PatientName = names.patient(identifier)
            clean.PatientBirthDate = clean.AccessionNumber = clean.ReferringPhysicianName = ""
            clean.StudyID = ""
            if phase is not None:
                clean.ContrastBolusAgentPhase = _PHASE_CODES[phase]
            _declare(clean)
    except MALFORMED as error:
        if isinstance(error, ImageFileError):
            raise
        raise ImageFileError(
            what="a file must be readable to be de-identified",
            # The text of the library's error may quote the value that must not leak.
            got=type(error).__name__,
            fix="Nothing was written for it: leave it out, or send it from the archive again.",
        ) from None
    return clean


def deidentify_file(
    path: Path | str, folder: Path | str, names: Pseudonyms, *, phase: str | None = None
) -> Path:
    """De-identify one file into ``folder/patient/series/instance.dcm``, all pseudonyms.

    Returns
    -------
    Path
        The new file; neither its name nor its folders say where it came from.
    """
    from pydicom.dataset import FileMetaDataset  # noqa: PLC0415 - loads slowly
    from pydicom.uid import UID  # noqa: PLC0415

    source = open_dicom(Path(path))
    clean = deidentify(source, names, phase=phase)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = clean.SOPClassUID
    meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    # Blanked pixels are stored plainly; others keep their compression.
    plain = "PixelData" in clean and not clean["PixelData"].is_undefined_length
    compressed = source.file_meta.TransferSyntaxUID.is_compressed
    meta.TransferSyntaxUID = (
        UID(EXPLICIT_LITTLE) if plain and compressed else source.file_meta.TransferSyntaxUID
    )
    clean.file_meta = meta
    place = Path(folder) / str(clean.PatientID) / str(clean.SeriesInstanceUID)
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{clean.SOPInstanceUID}.dcm"
    write_verified(target, [_bytes(clean)])
    return target


def _bytes(clean: Dataset) -> bytes:
    import io  # noqa: PLC0415 - used here only

    buffer = io.BytesIO()
    with quiet():
        clean.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _cleaned(dataset: Dataset, names: Pseudonyms, days: int) -> Dataset:
    from pydicom import Dataset as Empty  # noqa: PLC0415 - loads slowly

    clean = Empty()
    for element in dataset:
        if element.keyword not in _KEPT:
            continue
        value = _value(element, names, days)
        if value is not None:
            clean.add_new(element.tag, element.VR, value)
            if element.keyword == "PixelData":
                clean["PixelData"].is_undefined_length = element.is_undefined_length
    return clean


def _value(element: DataElement, names: Pseudonyms, days: int) -> Any:  # noqa: ANN401 - any VR
    value = element.value
    if value is None or element.VR == "PN":
        return None
    if element.VR == "SQ":
        value = [_cleaned(item, names, days) for item in value]
    elif element.VR == "UI":
        uids = [names.uid(str(v)) for v in (value if element.VM > 1 else [value])]
        value = uids if len(uids) > 1 else uids[0]
    elif element.VR in {"DA", "DT"}:
        value = shifted_date(str(value), days)
    elif element.keyword == "PatientAge":
        value = _bounded_age(str(value))
    elif element.keyword in _TEXTS:
        value = clean_text(" ".join(map(str, value if element.VM > 1 else [value])))
    return value


def shifted_date(text: str, days: int) -> str:
    """Shift a date or date-time (YYYYMMDD...) by days; what cannot be read is dropped.

    >>> shifted_date("20190314", -31)
    '20190211'
    """
    try:
        date = datetime.strptime(text[:8], "%Y%m%d")
    except ValueError:
        return ""
    return (date + timedelta(days=days)).strftime("%Y%m%d") + text[8:]


def _bounded_age(text: str) -> str:
    digits = re.fullmatch(r"(\d{3})Y", text.strip())
    return "090Y" if digits and int(digits.group(1)) > _OLDEST_YEARS else text


def _safe_pixels(clean: Dataset, source: Dataset) -> None:
    """Blank what may be burnt in, or refuse."""
    screenshot = str(source.get("SOPClassUID", "")).startswith(SECONDARY_CAPTURE)
    burnt = str(source.get("BurnedInAnnotation", "")).upper() == "YES"
    ultrasound = source.get("Modality") == "US"
    if "PixelData" not in source:
        return
    if not (screenshot or burnt or ultrasound):
        if source["PixelData"].is_undefined_length:
            clean.PixelData = without_comments(source)
            clean["PixelData"].is_undefined_length = True
        return
    panes = list_panes(source)
    if screenshot or not panes:
        raise ImageFileError(
            what="pixels that may show the patient's name need declared panes",
            got="a screenshot" if screenshot else "no calibrated region of the screen",
            fix="Leave this object out, or blank it by hand.",
        )
    blanked = blank_outside(_decoded(source), panes)
    clean.PixelData = blanked.tobytes()
    clean["PixelData"].is_undefined_length = False
    clean.NumberOfFrames = len(blanked)
    if blanked.ndim == 4:
        clean.PhotometricInterpretation, clean.PlanarConfiguration = "RGB", 0
        clean.SamplesPerPixel = 3


def _decoded(source: Dataset) -> np.ndarray:
    """Decode all frames; a film inside DICOM is decoded as a film."""
    meta = getattr(source, "file_meta", None)
    if meta is not None and meta.get("TransferSyntaxUID") in MPEG:
        # Its count of frames may differ from the header's by the ones that a decoder holds back.
        frames = list(mpeg_frames(source))
        require_size(len(frames) * frames[0].nbytes if frames else 0)
        return np.stack(frames)
    from pydicom.pixels.utils import pixel_array  # noqa: PLC0415 - loads slowly

    count = int(source.get("NumberOfFrames") or 1)
    pixels = np.asarray(pixel_array(source, decoding_plugin=require_codec(source)))
    colours = (3,) if int(source.get("SamplesPerPixel") or 1) > 1 else ()
    return pixels.reshape(count, source.Rows, source.Columns, *colours)


def _declare(clean: Dataset) -> None:
    from pydicom import Dataset as Empty  # noqa: PLC0415 - loads slowly

    clean.PatientIdentityRemoved = "YES"
    clean.BurnedInAnnotation = "NO"
    clean.LongitudinalTemporalInformationModified = "MODIFIED"
    clean.DeidentificationMethod = "hepacast: attributes not listed as harmless removed"
    codes = []
    for value, meaning in _METHODS:
        code = Empty()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
        codes.append(code)
    clean.DeidentificationMethodCodeSequence = codes


def find_traces(folder: Path | str, words: Iterable[str]) -> tuple[str, ...]:
    """Search a folder's names and bytes for words that must not be there.

    Parameters
    ----------
    folder : Path or str
        Searched with its subfolders.
    words : iterable of str
        Names, numbers, addresses; looked for in UTF-8, Latin-1, GB18030 and UTF-16.

    Returns
    -------
    tuple of str
        ``file: word`` for every hit.
    """
    hits = []
    for path in sorted(Path(folder).rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        for word in words:
            forms = {word.encode(c, "ignore") for c in ("utf-8", "latin-1", "gb18030", "utf-16-le")}
            if word in path.name or any(form and form in content for form in forms):
                hits.append(f"{path.name}: {word}")
    return tuple(hits)
