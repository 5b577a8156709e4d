# SPDX-License-Identifier: Apache-2.0
"""What all objects made from images share: whose they are, and who made them from what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.io.dicom.write import uid_of

if TYPE_CHECKING:
    from pydicom import Dataset

SERIES_NUMBERS = {"SEG": 1000, "SR": 1001, "SC": 1002}
_OF_THE_STUDY = (
    "SpecificCharacterSet", "PatientID", "PatientName", "PatientSex", "PatientBirthDate",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made an object, from what; equal origins give equal identifiers.

    Parameters
    ----------
    key : str
        Digest of all inputs and of the model.
    name, version : str
        Of the model.

    Examples
    --------
    >>> origin = Origin("ab", "early-recurrence", "1")
    >>> origin.series_uid("SEG") == Origin("ab", "other", "2").series_uid("SEG")
    True
    >>> origin.series_uid("SEG") == origin.series_uid("SR")
    False
    """

    key: str
    name: str
    version: str

    def series_uid(self, kind: str) -> str:
        """Return the SeriesInstanceUID of one kind of object."""
        return uid_of(self.key, kind)

    def sop_uid(self, kind: str) -> str:
        """Return the SOPInstanceUID of the object of a kind."""
        return uid_of(self.key, kind, "instance")

    def tracking_uid(self, region: str) -> str:
        """Return what identifies one region in all objects."""
        return uid_of(self.key, "tracking", region)

    @property
    def description(self) -> str:
        """SeriesDescription, 64 characters at most."""
        return f"{self.name[:40]} {self.version[:8]} RESEARCH ONLY"


def of_the_study(source: Dataset) -> Dataset:
    """Start an object of the same patient and study; attributes without a value are empty."""
    from pydicom import Dataset  # noqa: PLC0415 - loads slowly

    ds = Dataset()
    for keyword in _OF_THE_STUDY:
        if keyword in source:
            setattr(ds, keyword, source.get(keyword))
        elif keyword not in {"SpecificCharacterSet", "StudyDescription"}:
            setattr(ds, keyword, "")
    return ds


def mark_research(ds: Dataset, source: Dataset, kind: str, origin: Origin) -> None:
    """Write identifiers, maker and the research flag.

    The time is that of the study: an object that is made twice is the same twice.
    """
    ds.SeriesInstanceUID, ds.SOPInstanceUID = origin.series_uid(kind), origin.sop_uid(kind)
    ds.SeriesNumber, ds.InstanceNumber = SERIES_NUMBERS[kind], 1
    ds.SeriesDescription = origin.description
    ds.Manufacturer, ds.ManufacturerModelName = "hepacast", origin.name[:64]
    ds.SoftwareVersions, ds.DeviceSerialNumber = origin.version[:64], "0"
    ds.ContentDate = source.get("StudyDate") or "19000101"
    ds.ContentTime = source.get("StudyTime") or "000000"
    ds.ContentQualification = "RESEARCH"
