# SPDX-License-Identifier: Apache-2.0
"""Reliability of features over a table of cases: one record per case, resumable."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from hepacast._version import __version__
from hepacast.core.errors import HepacastError, TableError
from hepacast.core.events import Advanced, Failed, Started, ignore
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import write_atomic
from hepacast.run.extraction.extract import extract, read_settings
from hepacast.run.extraction.extract_many import case_names
from hepacast.run.extraction.reliability import RepeatParams, agreement_of, read_repeats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.extraction.extract_many import Cell, Job
    from hepacast.run.extraction.reliability import Reading, Reliability

_STAGE = "reliability"


@dataclass(frozen=True, slots=True)
class RepeatPlan:
    """What to do with every case.

    Parameters
    ----------
    params : path or None
        File of settings.
    records : Path
        Folder with one JSON file per measured image.
    repeat : RepeatParams
        How repetitions are imitated, and when a feature counts as reliable.
    retest : bool
        Compare rows of one ID instead: real repetitions.
    """

    params: str | Path | None
    records: Path
    repeat: RepeatParams
    retest: bool = False


def reliability_jobs(
    jobs: Sequence[Job], plan: RepeatPlan, *, on_event: Listener = ignore
) -> tuple[list[Reliability], int]:
    """Measure every case repeatedly, and tell how well the measurements agree.

    Parameters
    ----------
    jobs : sequence of Job
        Images and masks; with ``retest``, several of one ID.
    plan : RepeatPlan
        Settings.
    on_event : callable
        Told of progress, and of every case that fails; the others go on.

    Returns
    -------
    table : list of Reliability
        One per feature.
    failed : int
        How many images failed.
    """
    names = _ids(jobs) if plan.retest else case_names(jobs)
    on_event(Started(_STAGE, len(jobs)))
    readings: dict[str, list[Reading]] = defaultdict(list)
    failed = set()
    for job, name in zip(jobs, names, strict=True):
        try:
            readings[name] += _one(job, plan)
        except (HepacastError, OSError) as error:
            on_event(Failed(_STAGE, str(job.image), error))
            failed.add(name)
        on_event(Advanced(_STAGE, str(job.image)))
    # A case without one of its repetitions says nothing about agreement.
    whole = {name: many for name, many in readings.items() if name not in failed}
    limit = plan.repeat.icc_min
    table = agreement_of(whole, form="2,1" if plan.retest else "1,1", icc_min=limit)
    return table, len(failed)


def _ids(jobs: Sequence[Job]) -> list[str]:
    """Read the ID of every row."""
    ids = []
    for job in jobs:
        by = {str(key).strip().lower(): value for key, value in job.columns.items()}
        if not by.get("id"):
            raise TableError(
                what="repeated measurements are rows of one ID",
                got="a row without: " + ", ".join(map(str, job.columns)),
                fix="Add a column ID; rows of one patient have the same.",
            )
        ids.append(str(by["id"]))
    return ids


def _one(job: Job, plan: RepeatPlan) -> list[Reading]:
    """Read the record of one image, or make it."""
    settings, door = read_settings(plan.params)
    stats = [
        (str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in (job.image, job.mask)
    ]
    how = "retest" if plan.retest else plan.repeat.model_dump(mode="json", exclude={"icc_min"})
    what = [__version__, settings.model_dump(mode="json"), dict(door), job.label, stats, how]
    place = plan.records / f"{digest_bytes(canonical_json(what).encode())[:32]}.json"
    if place.is_file():
        kept = json.loads(place.read_text(encoding="utf-8"))
        return [
            {name: float("nan") if value is None else value for name, value in one.items()}
            for one in kept
        ]
    if plan.retest:
        found = [extract(job.image, job.mask, plan.params, label=job.label)]
    else:
        found = read_repeats(job.image, job.mask, plan.params, repeat=plan.repeat, label=job.label)
    plain = [{n: None if v != v else v for n, v in one.items()} for one in found]  # noqa: PLR0124 - NaN
    write_atomic(place, json.dumps(plain, allow_nan=False))
    return found


def reliability_rows(table: Sequence[Reliability]) -> list[dict[str, Cell]]:
    """Turn reliabilities into rows of a table; a missing number is empty."""
    rows = []
    for one in table:
        row = asdict(one)
        row["reliable"] = "yes" if one.reliable else "no"
        rows.append({name: None if value != value else value for name, value in row.items()})  # noqa: PLR0124 - NaN
    return rows
