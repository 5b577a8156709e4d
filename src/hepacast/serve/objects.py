# SPDX-License-Identifier: Apache-2.0
"""What a predictor says about DICOM images, as DICOM objects of the same study."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hepacast._version import __version__
from hepacast.core.errors import GeometryError
from hepacast.core.events import Noticed, ignore
from hepacast.core.provenance import canonical_json, digest_array, digest_bytes
from hepacast.io.images import is_dicom
from hepacast.run.cases.load import load_case
from hepacast.run.predictor.predict import plan_case, predict_case, write_result
from hepacast.serve.summary import draw_summary

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.volume import Region
    from hepacast.io.dicom.derived import Origin
    from hepacast.io.dicom.sort import Series
    from hepacast.io.dicom.write_sr import Report
    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.parts.rows import ImageRow
    from hepacast.run.predictor.predictor import Predictor
    from hepacast.run.predictor.result import Result

SEG, SR, SC = "regions.dcm", "report.dcm", "summary.dcm"


def predict_folder(
    predictor: Predictor,
    folder: Path,
    out: Path,
    *,
    case: str | None = None,
    clinical: Path | None = None,
    reject_outside: bool = False,
    on_event: Listener = ignore,
) -> tuple[Result, tuple[Path, ...]]:
    """Score one case, and write everything that comes of it.

    Parameters
    ----------
    predictor : Predictor
        The model.
    folder, out : Path
        Images of the case, and where results go: ``result.json``, pictures, maps of what
        networks looked at, and for DICOM images a segmentation, a structured report and a
        summary picture.
    case, clinical, reject_outside : optional
        As for :func:`~hepacast.run.predictor.predict.predict_case`.
    on_event : callable
        Told of repairs and remarks.

    Returns
    -------
    Result
    tuple of Path
        DICOM objects written; none for other images.
    """
    result, record = predict_case(
        predictor,
        folder,
        case=case,
        clinical=clinical,
        reject_outside=reject_outside,
        on_event=on_event,
    )
    result = write_result(predictor, folder, result, record, out)
    return result, write_objects(predictor, folder, result, record, out, on_event=on_event)


def write_objects(
    predictor: Predictor,
    folder: Path,
    result: Result,
    record: CaseRecord | None,
    out: Path,
    *,
    on_event: Listener = ignore,
) -> tuple[Path, ...]:
    """Write SEG, SR and a summary of a case whose images are DICOM series.

    The regions are those of the phase that the others are moved to, or else of the first
    phase of the study that is there.  Identifiers follow from the images, the regions, the
    features and the digest of the predictor: the same case gives the same objects.

    Returns
    -------
    tuple of Path
        Empty where no image is a DICOM series.
    """
    task = plan_case(predictor, folder, result.case)
    if task is None or not all(row.image.is_dir() or is_dicom(row.image) for row in task.rows):
        return ()
    from hepacast.io.dicom.write_sc import write_capture  # noqa: PLC0415 - loads slowly
    from hepacast.io.dicom.write_sr import write_sr  # noqa: PLC0415 - the same

    row = _reference(task)
    series = _series_of(task, row)
    regions = _regions(task, row)
    origin = _origin(predictor, result, series, regions)
    out.mkdir(parents=True, exist_ok=True)
    seg = _segmentation(regions, series[0], out / SEG, origin, on_event)
    volumes = {r.name: result.volumes_ml[f"{row.phase}/{r.name}"] for r in regions}
    write_sr(_report(result, volumes), series, out / SR, origin, seg=seg)
    picture = record.pictures.get("regions") if record else None
    write_capture(draw_summary(result, picture), series[0], out / SC, origin)
    return tuple(p for p in (seg, out / SR, out / SC) if p is not None)


def _reference(task: CaseTask) -> ImageRow:
    """Choose the image whose regions are shown."""
    wanted = task.cases.register_.to if task.cases.register_ is not None else None
    order = [wanted, *task.phases]
    return min(task.rows, key=lambda row: order.index(row.phase))


def _series_of(task: CaseTask, first: ImageRow) -> list[Series]:
    """Find the series of all rows, that of the regions first."""
    from hepacast.io.dicom.series import choose_series, list_series  # noqa: PLC0415 - loads slowly

    rows = [first, *(row for row in task.rows if row is not first)]
    listed = {image: list_series(image) for image in {row.image for row in rows}}
    return [choose_series(listed[row.image], row.options) for row in rows]


def _regions(task: CaseTask, row: ImageRow) -> list[Region]:
    """Draw the regions of one image again; those that measure nothing are left out."""
    case = load_case(replace(task, rows=(row,)), register=False)
    return [region.named(n) for n, region in case.regions[row.phase].items() if region.size]


def _origin(
    predictor: Predictor, result: Result, series: list[Series], regions: list[Region]
) -> Origin:
    """Digest everything that the forecast rests on."""
    from hepacast.io.dicom.derived import Origin  # noqa: PLC0415 - loads slowly

    key = {
        "images": sorted(head.sop_uid for one in series for head in one.slices),
        "regions": {region.name: digest_array(region.mask) for region in regions},
        "features": result.features,
        "predictor": predictor.digest,
        "software": __version__,
    }
    name, version = predictor.about.name, predictor.digest[:16]
    return Origin(digest_bytes(canonical_json(key).encode()), name, version)


def _segmentation(
    regions: list[Region], series: Series, path: Path, origin: Origin, on_event: Listener
) -> Path | None:
    """Write the regions; say so where the image is not the voxels of its series."""
    from hepacast.io.dicom.write_seg import write_seg  # noqa: PLC0415 - loads slowly

    try:
        write_seg(regions, series, path, algorithm=origin.name, origin=origin)
    except GeometryError as error:
        path.unlink(missing_ok=True)
        on_event(Noticed("segmentation", f"not written: {error.what}; {error.got}"))
        return None
    return path


def _report(result: Result, volumes: dict[str, float]) -> Report:
    """Lay out the structured report."""
    from hepacast.io.dicom.write_sr import Report  # noqa: PLC0415 - loads slowly

    when = "" if result.at_days is None else f" within {result.at_days:.0f} days"
    grade = ("high-risk", "High risk") if result.high else ("low-risk", "Low risk")
    remarks = [
        "RESEARCH ONLY, not a medical device",
        f"outcome={result.outcome}{when}",
        f"model={result.model}",
        f"sha256={result.digest}",
    ]
    if result.outside:
        remarks.append(f"{len(result.outside)} features outside the range of training")
    return Report(
        volumes_ml=volumes,
        numbers={
            ("score", "Risk score", "1"): result.score,
            ("probability", "Probability of the event", "1"): result.probability,
        },
        grades={("risk-group", "Risk group"): grade},
        remarks=tuple(remarks),
    )
