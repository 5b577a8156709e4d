# SPDX-License-Identifier: Apache-2.0
"""Features or maps of many images from a table of files: one record per case, resumable."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepacast._version import __version__
from hepacast.core.errors import HepacastError, TableError
from hepacast.core.events import Advanced, Failed, Started, ignore
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import write_atomic
from hepacast.run.extraction.diagnostics import diagnostics, in_their_order
from hepacast.run.extraction.extract import extract, read_settings
from hepacast.run.extraction.maps import feature_maps, map_settings, write_maps
from hepacast.run.work.ledger import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.core.events import Listener

_STAGE = "extract"
Cell = str | float | None
"""One entry of a table; none where there is no value."""


@dataclass(frozen=True, slots=True)
class Job:
    """One image and one mask.

    Parameters
    ----------
    columns : dict of str to str
        The row of the table of cases, kept as it is.
    image, mask : Path
        Files.
    label : int, str or None
        Value of the region in the mask; number or name of a DICOM segment.
    """

    columns: dict[str, str]
    image: Path
    mask: Path
    label: int | str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with every job.

    Parameters
    ----------
    params : path or None
        File of settings.
    records : Path
        Folder with one JSON file per case; a case whose files, settings and version are those of
        its record is not computed again.
    like_pyradiomics : bool
        Write the columns of the ``pyradiomics`` command: its diagnostics before the features,
        whole paths, and a row for a case that failed.
    maps : Path or None
        Write feature maps here, a folder per case, instead of the features of whole regions.
    radius : int or None
        Half an edge of the neighbourhood of a map, voxels; what the settings say if absent.
    """

    params: str | Path | None
    records: Path
    like_pyradiomics: bool = False
    maps: Path | None = None
    radius: int | None = None


def read_jobs(table: Path) -> list[Job]:
    """Read a table of cases: a CSV with the columns Image and Mask, and Label if need be.

    Paths are relative to the table.  Every other column is kept.
    """
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    jobs = []
    for row in rows:
        by = {str(k).strip().lower(): (v or "").strip() for k, v in row.items()}
        if not by.get("image") or not by.get("mask"):
            raise TableError(
                what="a table of cases has the columns Image and Mask",
                got=", ".join(map(str, row)),
                fix="Name the two columns so, and fill every row.",
            ).at(file=table)
        label = read_label(by.get("label"))
        jobs.append(Job(dict(row), table.parent / by["image"], table.parent / by["mask"], label))
    if not jobs:
        raise TableError(
            what="a table of cases has at least one row", got="none", fix="Add cases."
        ).at(file=table)
    return jobs


def read_label(text: str | None) -> int | str | None:
    """Read the value of a region, or the name of a segment.

    >>> read_label("2"), read_label("Liver"), read_label("")
    (2, 'Liver', None)
    """
    if not text:
        return None
    return int(text) if text.isdigit() else text


def extract_jobs(
    jobs: Sequence[Job], plan: Plan, *, workers: int = 1, on_event: Listener = ignore
) -> tuple[list[dict[str, Cell]], int]:
    """Extract the features or maps of every job, or read what an earlier run has left.

    Parameters
    ----------
    jobs : sequence of Job
        What to extract.
    plan : Plan
        Settings, and where results go.
    workers : int
        Cases to work on at once; each takes the memory of its images.
    on_event : callable
        Told of progress, and of every case that fails; the others go on.

    Returns
    -------
    rows : list of dict
        Columns of the job, then features (or the paths of maps); cases that failed are left out,
        or are rows without features where the table shall be PyRadiomics'.
    failed : int
        How many cases failed.
    """
    read_settings(plan.params)
    on_event(Started(_STAGE, len(jobs)))
    rows, failed, names = [], 0, case_names(jobs)
    pool = ThreadPoolExecutor(workers)
    try:
        working = [
            pool.submit(_one, job, name, plan) for job, name in zip(jobs, names, strict=True)
        ]
        for job, name, work in zip(jobs, names, working, strict=True):
            columns = _columns(job, plan)
            try:
                rows.append(columns | work.result())
            except (HepacastError, OSError) as error:
                on_event(Failed(_STAGE, name, error))
                failed += 1
                if plan.like_pyradiomics:
                    rows.append(columns)
            on_event(Advanced(_STAGE, name))
    finally:
        # Whoever stops a run does not want to wait for the cases that have not begun.
        pool.shutdown(cancel_futures=True)
    return rows, failed


def _columns(job: Job, plan: Plan) -> dict[str, Cell]:
    """Take the columns of the table of cases; the pyradiomics command writes whole paths."""
    columns: dict[str, Cell] = dict(job.columns)
    if plan.like_pyradiomics:
        columns |= {_column(job, "image"): str(job.image.resolve())}
        columns |= {_column(job, "mask"): str(job.mask.resolve())}
    return columns


def _column(job: Job, name: str) -> str:
    """Spell a column as the table of cases does."""
    return next(key for key in job.columns if str(key).strip().lower() == name)


def case_names(jobs: Sequence[Job]) -> list[str]:
    """Name every job by its column ID or by its image, each name once.

    >>> job = Job({"ID": "007"}, Path("a/ct.nii.gz"), Path("a/mask.nii.gz"))
    >>> case_names([job, job, Job({}, Path("b/ct.nii.gz"), Path("b/mask.nii.gz"))])
    ['007-1', '007-2', 'ct']
    """
    names = []
    for job in jobs:
        by = {str(key).strip().lower(): value for key, value in job.columns.items()}
        plain = by.get("id") or job.image.name.split(".")[0]
        names.append(re.sub(r"[^\w-]+", "_", plain))
    often, seen = Counter(names), Counter[str]()
    for n, name in enumerate(names):
        seen[name] += 1
        if often[name] > 1:
            names[n] = f"{name}-{seen[name]}"
    return names


def _one(job: Job, name: str, plan: Plan) -> dict[str, Cell]:
    """Read the record of one case, or make it."""
    settings, door = read_settings(plan.params)
    stats = [(str(p.resolve()), stamp(p)) for p in (job.image, job.mask)]
    what: list[Any] = [__version__, settings.model_dump(mode="json"), dict(door), job.label, stats]
    if plan.like_pyradiomics or plan.maps:
        # The settings as written stand among the diagnostics.
        what += ["diagnostics", str(plan.params)]
    if plan.maps:
        radius = map_settings(plan.params).model_dump_json(), plan.radius
        what += ["maps", str(plan.maps.resolve()), name, radius]
    place = plan.records / f"{digest_bytes(canonical_json(what).encode())[:32]}.json"
    if place.is_file():
        kept: dict[str, Cell] = json.loads(place.read_text(encoding="utf-8"))
        if not plan.maps or all(Path(str(path)).is_file() for path in kept.values()):
            return kept
    found = _maps(job, plan, plan.maps / name) if plan.maps else _features(job, plan)
    write_atomic(place, json.dumps(found, allow_nan=False))
    return found


def _features(job: Job, plan: Plan) -> dict[str, Cell]:
    """Compute the features of one region, and what stands before them."""
    found = extract(job.image, job.mask, plan.params, label=job.label)
    cells: dict[str, Cell] = {
        name: None if value != value else value  # noqa: PLR0124 - NaN
        for name, value in found.items()
    }
    if not plan.like_pyradiomics:
        return cells
    about = diagnostics(job.image, job.mask, plan.params, label=job.label)
    return {**about, **{name: cells[name] for name in in_their_order(cells, plan.params)}}


def _maps(job: Job, plan: Plan, folder: Path) -> dict[str, Cell]:
    """Compute and write the maps of one region."""
    chosen = map_settings(plan.params)
    if plan.radius is not None:
        chosen = chosen.model_copy(update={"radius": plan.radius})
    found = feature_maps(job.image, job.mask, plan.params, maps=chosen, label=job.label)
    files = write_maps(found, folder)
    return {key: str(path) for key, path in zip(found, files, strict=True)}


def write_rows(rows: Sequence[dict[str, Cell]], out: Path) -> None:
    """Write a table of features: Parquet or CSV, by the name of the file.

    A missing value is empty.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    if out.suffix == ".parquet":
        import polars as pl  # noqa: PLC0415 - loads slowly

        buffer = io.BytesIO()
        frame = pl.DataFrame(
            {name: [row.get(name) for row in rows] for name in names}, strict=False
        )
        frame.write_parquet(buffer)
        write_atomic(out, buffer.getvalue())
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(out, text.getvalue())
