# SPDX-License-Identifier: Apache-2.0
"""Measurements of regions and a forecast as a structured report.

Source: DICOM PS3.16 TID 1500 (Measurement Report), with one TID 1411 group per region
and a TID 1501 group for what holds for the patient.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hepacast.io.dicom.derived import SERIES_NUMBERS, Origin, mark_research
from hepacast.io.dicom.header import quiet
from hepacast.io.dicom.write import encode, uid_of
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydicom import Dataset

    from hepacast.io.dicom.sort import Series

_SCHEME = "99HEPACAST"
_NEEDED = (
    "AccessionNumber", "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID",
    "StudyDate", "StudyTime",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """What a structured report says.

    Parameters
    ----------
    volumes_ml : mapping of str to float
        Volume of every region of the segmentation, mL, in order of the segments.
    numbers : mapping of (code, meaning, unit) to float
        What holds for the patient; the unit is one of UCUM.
    grades : mapping of (code, meaning) to (code, meaning)
        The same, in words.
    remarks : tuple of str
        Shown with the algorithm: the outcome, the digest of the model, "research only".
    """

    volumes_ml: Mapping[str, float]
    numbers: Mapping[tuple[str, str, str], float]
    grades: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def write_sr(
    report: Report, series: Sequence[Series], path: Path, origin: Origin, *, seg: Path | None
) -> None:
    """Write a report as one Comprehensive 3D SR.

    Parameters
    ----------
    report : Report
        What it says; numbers keep every bit, in FloatingPointValue.
    series : sequence of Series
        All images that the model saw, those of the regions first.
    path : Path
        Where to.
    origin : Origin
        Who made it from what.
    seg : Path or None
        Segmentation whose segments are the regions.
    """
    import pydicom  # noqa: PLC0415 - loads slowly
    from highdicom import sr  # noqa: PLC0415 - the same
    from pydicom.sr.codedict import codes  # noqa: PLC0415 - the same

    with quiet():
        heads = [head for one in series for head in one.slices]
        sources = [pydicom.dcmread(head.file, stop_before_pixels=True) for head in heads]
        segments = None if seg is None else pydicom.dcmread(seg)
        for one in sources:
            for keyword in _NEEDED:
                if keyword not in one:
                    setattr(one, keyword, "")
        algorithm = sr.AlgorithmIdentification(
            name=origin.name, version=origin.version, parameters=list(report.remarks)
        )
        groups = [
            _region_group(name, volume, number, segments, sources[0], origin, algorithm)
            for number, (name, volume) in enumerate(report.volumes_ml.items(), 1)
        ]
        groups.append(_patient_group(report, origin, algorithm))
        content = sr.MeasurementReport(
            observation_context=_context(),
            procedure_reported=codes.LN.CTUnspecifiedBodyRegion
            if series[0].first.modality == "CT"
            else codes.LN.MRUnspecifiedBodyRegion,
            imaging_measurements=groups,
            title=codes.DCM.ImagingMeasurementReport,
        )
        document = sr.Comprehensive3DSR(
            evidence=[*sources, *([] if segments is None else [segments])],
            content=content[0],
            series_instance_uid=origin.series_uid("SR"),
            series_number=SERIES_NUMBERS["SR"],
            sop_instance_uid=origin.sop_uid("SR"),
            instance_number=1,
            manufacturer="hepacast",
            is_complete=True,
            is_verified=False,
        )
        mark_research(document, sources[0], "SR", origin)
        _forget_the_clock(document)
        write_verified(path, [encode(document)])


def _forget_the_clock(document: Dataset) -> None:
    """Remove the moments of writing: a report that is made twice is the same twice."""
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        document.pop(keyword, None)
    for tool in document.get("ContributingEquipmentSequence", ()):
        tool.pop("ContributionDateTime", None)


def _context() -> Any:  # noqa: ANN401 - highdicom is untyped
    """Say that a machine observed."""
    from highdicom import sr  # noqa: PLC0415 - loads slowly
    from pydicom.sr.codedict import codes  # noqa: PLC0415 - the same

    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of("hepacast"), name="hepacast", manufacturer_name="hepacast"
    )
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device, observer_identifying_attributes=device
    )
    return sr.ObservationContext(observer_device_context=observer)


def _region_group(
    name: str,
    volume_ml: float,
    number: int,
    segments: Dataset | None,
    source: Dataset,
    origin: Origin,
    algorithm: Any,  # noqa: ANN401 - highdicom is untyped
) -> Any:  # noqa: ANN401
    """Report one region, tied to its segment where there is one."""
    from highdicom import sr  # noqa: PLC0415 - loads slowly
    from pydicom.sr.codedict import codes  # noqa: PLC0415 - the same

    track = sr.TrackingIdentifier(uid=origin.tracking_uid(name), identifier=name)
    ml = sr.CodedConcept(value="mL", meaning="milliliter", scheme_designator="UCUM")
    volume = sr.Measurement(name=codes.SCT.Volume, value=volume_ml, unit=ml)
    if segments is None:
        return sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=track, algorithm_id=algorithm, measurements=[volume]
        )
    item = segments.SegmentSequence[number - 1]
    segment = sr.ReferencedSegment(
        sop_class_uid=segments.SOPClassUID,
        sop_instance_uid=segments.SOPInstanceUID,
        segment_number=number,
        source_series=sr.SourceSeriesForSegmentation(source.SeriesInstanceUID),
    )
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=track,
        referenced_segment=segment,
        finding_type=sr.CodedConcept.from_dataset(item.SegmentedPropertyTypeCodeSequence[0]),
        algorithm_id=algorithm,
        measurements=[volume],
    )


def _patient_group(report: Report, origin: Origin, algorithm: Any) -> Any:  # noqa: ANN401 - untyped
    """Report what holds for the patient."""
    from highdicom import sr  # noqa: PLC0415 - loads slowly

    def code(value: str, meaning: str, scheme: str = _SCHEME) -> Any:  # noqa: ANN401
        return sr.CodedConcept(value=value, meaning=meaning[:64], scheme_designator=scheme)

    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=origin.tracking_uid("forecast"), identifier="forecast"
        ),
        algorithm_id=algorithm,
        measurements=[
            sr.Measurement(name=code(value, meaning), value=number, unit=code(unit, unit, "UCUM"))
            for (value, meaning, unit), number in report.numbers.items()
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=code(*name), value=code(*grade))
            for name, grade in report.grades.items()
        ],
    )
