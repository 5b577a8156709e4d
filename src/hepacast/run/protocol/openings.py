# SPDX-License-Identifier: Apache-2.0
"""How often a test cohort was looked at: kept beside the study file, printed in the lock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.run.gather import Materials
    from hepacast.run.protocol.cohorts import Division

_ASIDE = {"study", "evaluate", "controls"}
"""Blocks of a study file that change no prediction."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One look at test cohorts.

    Parameters
    ----------
    run : str
        Digest of settings and tables.
    tests : mapping of str to list of str
        Digests of the patients of every test cohort.
    """

    run: str
    tests: Mapping[str, list[str]]


def ledger_path(study: Path) -> Path:
    """Name the file that keeps the openings of a study file.

    Parameters
    ----------
    study : Path
        The study file.
    """
    return study.with_suffix(".openings.json")


def require_closed(materials: Materials, division: Division, path: Path) -> dict[str, int]:
    """Count how often each test cohort will have been opened, and refuse a second look.

    The same settings on the same tables give the same numbers: running them
    again is no second look.

    Parameters
    ----------
    materials : Materials
        Settings and digests of the tables.
    division : Division
        Patients of every test cohort.
    path : Path
        From :func:`ledger_path`.

    Returns
    -------
    dict of str to int
        Openings of every cohort, this one included; any patient shared with an
        earlier test cohort counts.

    Raises
    ------
    StudyError
        If a cohort was opened with other settings, and ``split.open`` is not ``again``.
    """
    run = _key(materials)
    counts = {}
    for name, members in division.tests.items():
        mine = set(_digests(members))
        seen = {one.run for one in _read(path) for known in one.tests.values() if mine & {*known}}
        counts[name] = len(seen | {run})
        if seen - {run} and materials.study.split.open == "once":
            raise StudyError(
                what=f"test cohort {name!r} is opened once",
                got=f"{len(seen - {run})} earlier openings with other settings or tables "
                f"(kept in {path.name})",
                fix="Report the first result. To look again write split: {open: again}: it is "
                "counted and printed. While models still change, write open: closed.",
            )
    return counts


def record_opening(materials: Materials, division: Division, path: Path) -> None:
    """Write down that the test cohorts are opened now; before any of their scores is known.

    A run that fails later has had its look; one that failed before has not.
    """
    known = _read(path)
    mine = Opening(_key(materials), {n: _digests(m) for n, m in division.tests.items()})
    if any(one.run == mine.run and one.tests == mine.tests for one in known):
        return
    rows = [{"run": one.run, "tests": dict(one.tests)} for one in (*known, mine)]
    write_atomic(path, json.dumps({"openings": rows}, indent=1) + "\n")


def _key(materials: Materials) -> str:
    """Digest all that can change what is predicted."""
    settings = materials.study.model_dump(mode="json", by_alias=True, exclude=_ASIDE)
    settings["split"].pop("open")
    tables = {n: d for n, d in materials.digests.items() if n != "study file"}
    return digest_bytes(canonical_json([settings, tables]).encode())


def _digests(members: frozenset[str]) -> list[str]:
    """Name patients without writing their ids beside the study file."""
    return sorted(digest_bytes(f"patient/{one}".encode())[:16] for one in members)


def _read(path: Path) -> list[Opening]:
    """Read the openings so far."""
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["openings"]
        return [Opening(row["run"], row["tests"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            what="the record of earlier openings must be readable",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="Put the file back as the last run left it.",
        ).at(file=path) from None
