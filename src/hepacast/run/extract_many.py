# SPDX-License-Identifier: Apache-2.0
"""Features of many images from a table of files: one record per case, resumable."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hepacast._version import __version__
from hepacast.core.errors import HepacastError, TableError
from hepacast.core.events import Advanced, Failed, Started, ignore
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import write_atomic
from hepacast.run.extract import extract, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.radiomics.params import ExtractParams

_STAGE = "extract"


@dataclass(frozen=True, slots=True)
class Job:
    """One image and one mask.

    Parameters
    ----------
    columns : dict of str to str
        The row of the table of cases, kept as it is.
    image, mask : Path
        Files.
    label : int or None
        Value of the region in the mask.
    """

    columns: dict[str, str]
    image: Path
    mask: Path
    label: int | None = None


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
        label = int(by["label"]) if by.get("label") else None
        jobs.append(Job(dict(row), table.parent / by["image"], table.parent / by["mask"], label))
    if not jobs:
        raise TableError(
            what="a table of cases has at least one row", got="none", fix="Add cases."
        ).at(file=table)
    return jobs


def extract_jobs(
    jobs: Sequence[Job],
    params: str | Path | None,
    records: Path,
    *,
    on_event: Listener = ignore,
) -> list[dict[str, Any]]:
    """Extract the features of every job, or read what an earlier run has left.

    Parameters
    ----------
    jobs : sequence of Job
        What to extract.
    params : path or None
        File of settings.
    records : Path
        Folder with one JSON file per case; a case whose files, settings and
        version are those of its record is not computed again.
    on_event : callable
        Told of progress, and of every case that fails; the others go on.

    Returns
    -------
    rows : list of dict
        Columns of the job, then features; failed cases are left out.
    """
    settings, door = read_settings(params)
    on_event(Started(_STAGE, len(jobs)))
    rows = []
    for job in jobs:
        try:
            features = _one(job, params, settings, door, records)
        except (HepacastError, OSError) as error:
            on_event(Failed(_STAGE, str(job.image), error))
        else:
            rows.append({**job.columns, **features})
        on_event(Advanced(_STAGE, str(job.image)))
    return rows


def _one(
    job: Job,
    params: str | Path | None,
    settings: ExtractParams,
    door: Mapping[str, Any],
    records: Path,
) -> dict[str, float | None]:
    """Read the record of one case, or make it."""
    stats = [
        (str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in (job.image, job.mask)
    ]
    key = digest_bytes(
        canonical_json(
            [__version__, settings.model_dump(mode="json"), dict(door), job.label, stats]
        ).encode()
    )
    place = records / f"{key[:32]}.json"
    if place.is_file():
        kept: dict[str, float | None] = json.loads(place.read_text(encoding="utf-8"))
        return kept
    found = extract(job.image, job.mask, params, label=job.label)
    features = {name: None if value != value else value for name, value in found.items()}  # noqa: PLR0124 - NaN
    records.mkdir(parents=True, exist_ok=True)
    write_atomic(place, json.dumps(features, allow_nan=False))
    return features


def write_rows(rows: Sequence[dict[str, Any]], out: Path) -> None:
    """Write a table of features: Parquet or CSV, by the name of the file.

    The CSV is that of the ``pyradiomics`` command: the columns of the table of
    cases, then one column per feature; a missing value is empty.
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
