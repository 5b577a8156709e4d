# SPDX-License-Identifier: Apache-2.0
"""Regions written back as a DICOM segmentation of the series they were drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError
from hepacast.io.dicom.derived import mark_research, of_the_study
from hepacast.io.dicom.write import encode, uid_of
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom import Dataset

    from hepacast.core.volume import Region
    from hepacast.io.dicom.derived import Origin
    from hepacast.io.dicom.sort import Series

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_ORGAN = ("123037004", "SCT", "Anatomical Structure")
_LESION = ("49755003", "SCT", "Morphologically Abnormal Structure")
_KINDS = {
    "liver": (_ORGAN, ("10200004", "SCT", "Liver")),
    "tumour": (_LESION, ("108369006", "SCT", "Neoplasm")),
    "tumor": (_LESION, ("108369006", "SCT", "Neoplasm")),
}
_OTHER = (_LESION, ("52988006", "SCT", "Lesion"))


def write_seg(
    regions: Sequence[Region],
    series: Series,
    path: Path,
    *,
    algorithm: str = "hepacast",
    origin: Origin | None = None,
) -> None:
    """Write regions as one BINARY segmentation object.

    Parameters
    ----------
    regions : sequence of Region
        On the grid of the series; every one becomes a segment, labelled by its name.
    series : Series
        The image series that they belong to, one file per slice.
    path : Path
        Where to.
    algorithm : str
        What made the regions.
    origin : Origin, optional
        The model and inputs that they come from: identifiers and tracking follow from it.

    Raises
    ------
    EmptyRegionError
        If no region has a voxel.
    GeometryError
        If a region has another number of slices, rows or columns than the series.
    """
    head = series.first
    shape = (len(series.slices), head.rows, head.columns)
    for region in regions:
        if region.mask.shape != shape:
            raise GeometryError(
                what="a segmentation has the voxels of its series",
                got=f"region {region.mask.shape}, series {shape}",
                fix="Resample the region to the series' own grid.",
            ).at(region=region.name)
    planes = [
        (number, k)
        for number, region in enumerate(regions, 1)
        for k in np.flatnonzero(region.mask.any(axis=(1, 2))).tolist()
    ]
    if not planes:
        raise EmptyRegionError(
            what="a segmentation needs a voxel",
            got="none",
            fix="Check the masks.",
        )
    dataset = _base(series, len(planes), [region.name for region in regions], origin)
    dataset.SegmentSequence = [
        _segment(number, region.name, algorithm, origin) for number, region in enumerate(regions, 1)
    ]
    dataset.SharedFunctionalGroupsSequence = [_shared(series)]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(series, n, k) for n, k in planes]
    bits = np.stack([regions[number - 1].mask[k] for number, k in planes])
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    write_verified(path, [encode(dataset)])


def _base(series: Series, frames: int, names: list[str], origin: Origin | None) -> Dataset:
    import pydicom  # noqa: PLC0415 - loads slowly

    source = pydicom.dcmread(series.first.file, stop_before_pixels=True)
    ds = of_the_study(source)
    for keyword in ("FrameOfReferenceUID", "PositionReferenceIndicator"):
        if keyword in source:
            setattr(ds, keyword, source.get(keyword))
    ds.SOPClassUID, ds.Modality = _SEGMENTATION, "SEG"
    if origin is not None:
        mark_research(ds, source, "SEG", origin)
    else:
        _identify(ds, source, series, names)
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "SEGMENTATION", "", ""
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SegmentationType, ds.LossyImageCompression = "BINARY", "00"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = series.first.rows, series.first.columns
    ds.NumberOfFrames = str(frames)
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    ds.ReferencedSeriesSequence = [_references(series)]
    organisation = pydicom.Dataset()
    organisation.DimensionOrganizationUID = uid_of(series.uid, "dimensions")
    ds.DimensionOrganizationSequence = [organisation]
    ds.DimensionIndexSequence = [
        _dimension(organisation, 0x0062000B, 0x0062000A),
        _dimension(organisation, 0x00200032, 0x00209113),
    ]
    return ds


def _identify(ds: Dataset, source: Dataset, series: Series, names: list[str]) -> None:
    """Name a segmentation that no model made."""
    ds.SeriesInstanceUID = uid_of(series.uid, "SEG", *names)
    ds.SOPInstanceUID = uid_of(series.uid, "SEG instance", *names)
    ds.SeriesNumber, ds.InstanceNumber = 1000, 1
    ds.SeriesDescription = "Segmentation"
    ds.Manufacturer = ds.ManufacturerModelName = ds.SoftwareVersions = "hepacast"
    ds.DeviceSerialNumber = "0"
    ds.ContentDate = source.get("StudyDate") or "19000101"
    ds.ContentTime = source.get("StudyTime") or "000000"


def _references(series: Series) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    item = Dataset()
    item.SeriesInstanceUID = series.uid
    item.ReferencedInstanceSequence = []
    for header in series.slices:
        instance = Dataset()
        instance.ReferencedSOPClassUID = header.sop_class
        instance.ReferencedSOPInstanceUID = header.sop_uid
        item.ReferencedInstanceSequence.append(instance)
    return item


def _dimension(organisation: Dataset, pointer: int, group: int) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    item = Dataset()
    item.DimensionOrganizationUID = organisation.DimensionOrganizationUID
    item.DimensionIndexPointer, item.FunctionalGroupPointer = pointer, group
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _segment(number: int, name: str, algorithm: str, origin: Origin | None) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    category, kind = _KINDS.get(name.lower(), _OTHER)
    item = Dataset()
    item.SegmentNumber, item.SegmentLabel = number, name[:64]
    item.SegmentAlgorithmType, item.SegmentAlgorithmName = "SEMIAUTOMATIC", algorithm[:64]
    if origin is not None:
        item.TrackingID, item.TrackingUID = name, origin.tracking_uid(name)
    item.SegmentedPropertyCategoryCodeSequence = [_code(*category)]
    item.SegmentedPropertyTypeCodeSequence = [_code(*kind)]
    return item


def _shared(series: Series) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    head = series.first
    item, plane, measures = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(head.orientation or ())
    measures.PixelSpacing = list(head.spacing or ())
    measures.SliceThickness = measures.SpacingBetweenSlices = head.thickness or 1.0
    item.PlaneOrientationSequence, item.PixelMeasuresSequence = [plane], [measures]
    return item


def _frame(series: Series, number: int, k: int) -> Dataset:
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    header = series.slices[k]
    item, place, identity, content = Dataset(), Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = list(header.position or ())
    identity.ReferencedSegmentNumber = number
    content.DimensionIndexValues = [number, k + 1]
    source, derivation = Dataset(), Dataset()
    source.ReferencedSOPClassUID = header.sop_class
    source.ReferencedSOPInstanceUID = header.sop_uid
    source.PurposeOfReferenceCodeSequence = [
        _code("121322", "DCM", "Source image for image processing operation")
    ]
    derivation.SourceImageSequence = [source]
    derivation.DerivationCodeSequence = [_code("113076", "DCM", "Segmentation")]
    item.PlanePositionSequence, item.SegmentIdentificationSequence = [place], [identity]
    item.FrameContentSequence, item.DerivationImageSequence = [content], [derivation]
    return item
