# SPDX-License-Identifier: Apache-2.0
"""A volume as a series of single-frame DICOM files, byte-identical for equal input."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import ImageFileError
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float32
    from pydicom import Dataset

    from hepacast.core.volume import Volume

_CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
_IMPLEMENTATION = "2.25.184632518846237046251890125873421"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


@dataclass(frozen=True, slots=True)
class SeriesIdentity:
    """Whose images these are, and what identifies them.

    Parameters
    ----------
    patient : str
        PatientID (and name).
    study, series : str
        Any text; equal texts give equal identifiers.
    modality : {"CT", "MR"}
        Decides the class and the stored offset.
    attributes : mapping of keyword to value
        Further or other attributes of every image, by DICOM keyword.
    """

    patient: str = "PHANTOM"
    study: str = "study"
    series: str = "series"
    modality: Literal["CT", "MR"] = "CT"
    attributes: Mapping[str, object] = field(default_factory=dict)


_ANYBODY = SeriesIdentity()


def uid_of(*parts: str) -> str:
    """Return the identifier (2.25 root) that belongs to some text.

    >>> uid_of("a") == uid_of("a"), uid_of("a") == uid_of("b"), len(uid_of("a")) <= 64
    (True, False, True)
    """
    digest = hashlib.sha256("\\".join(parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def write_series(
    volume: Volume, folder: Path | str, identity: SeriesIdentity = _ANYBODY
) -> tuple[Path, ...]:
    """Write one file per slice.

    Parameters
    ----------
    volume : Volume
        Rounded to whole units; HU for CT.
    folder : Path or str
        Made if it is missing.
    identity : SeriesIdentity
        Patient, study and series.

    Returns
    -------
    tuple of Path
        In slice order.

    Raises
    ------
    ImageFileError
        If intensities do not fit 16 bits, or the disk refuses.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    intercept = -1024 if identity.modality == "CT" else 0
    stored = np.round(volume.data.astype(np.float64)) - intercept
    if not np.all(np.isfinite(stored)) or stored.min() < -32768 or stored.max() > 32767:
        raise ImageFileError(
            what="stored intensities fit 16 bits",
            got=f"{volume.data.min():g} to {volume.data.max():g}",
            fix="Rescale the image first.",
        )
    paths = []
    for k, plane in enumerate(stored.astype("<i2")):
        path = place / f"{k + 1:04d}.dcm"
        dataset = _slice(volume, k, plane, identity)
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", str(intercept)
        for name, value in identity.attributes.items():
            setattr(dataset, name, value)
        # Hundreds of small files, which can be written again: no wait for each of them.
        write_verified(path, [encode(dataset)], durable=False)
        paths.append(path)
    return tuple(paths)


def encode(dataset: Dataset) -> bytes:
    """Return the bytes of a DICOM file in explicit little endian, with an empty preamble."""
    from pydicom.dataset import FileMetaDataset  # noqa: PLC0415 - loads slowly
    from pydicom.uid import UID  # noqa: PLC0415

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    dataset.file_meta = meta
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _slice(
    volume: Volume, k: int, plane: Float32[np.ndarray, "j i"], identity: SeriesIdentity
) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    grid = volume.grid
    keys = identity.patient, identity.study
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = _CLASSES[identity.modality]
    ds.SOPInstanceUID = uid_of(*keys, identity.series, str(k))
    ds.StudyInstanceUID = uid_of(*keys)
    ds.SeriesInstanceUID = uid_of(*keys, identity.series)
    ds.FrameOfReferenceUID = uid_of(*keys, "frame")
    ds.PatientID = ds.PatientName = identity.patient
    ds.PatientBirthDate = ds.PatientSex = ds.StudyDate = ds.StudyTime = ""
    ds.AccessionNumber = ds.ReferringPhysicianName = ds.StudyID = ds.PositionReferenceIndicator = ""
    ds.Manufacturer = ""
    ds.Modality = identity.modality
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SeriesDescription = identity.series
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 1, k + 1, 1
    ds.PatientPosition = "HFS"
    if identity.modality == "CT":
        ds.KVP, ds.ConvolutionKernel = "120", "STANDARD"
    ds.Rows, ds.Columns = plane.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 1
    ds.PixelSpacing = [_decimal(n) for n in grid.spacing[1:]]
    ds.SliceThickness = ds.SpacingBetweenSlices = _decimal(grid.spacing[0])
    ds.ImageOrientationPatient = [_decimal(n) for axis in grid.axes[:0:-1] for n in axis]
    ds.ImagePositionPatient = [_decimal(n) for n in grid.to_world((k, 0, 0)).tolist()]
    ds.PixelData = plane.tobytes()
    return ds


def _decimal(value: float) -> str:
    """Write a number in the 16 characters of a decimal string.

    >>> _decimal(-123.456789012345678)
    '-123.45678901235'
    """
    for digits in range(17, 0, -1):
        text = f"{value + 0.0:.{digits}g}"
        if len(text) <= 16:
            return text
    return "0"
