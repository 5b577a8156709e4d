# SPDX-License-Identifier: Apache-2.0
"""Who is learned from and who is kept for the test, settled before any outcome is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hepacast.core.errors import LeakError, NotEstimableError, StudyError, TableError
from hepacast.core.provenance import digest_bytes
from hepacast.run.settings.split import MOMENT
from hepacast.table.clinical import clean_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hepacast.run.gather import Materials
    from hepacast.run.settings.split import DevelopParams, HeldOutParams, SplitParams

Scope = Literal["internal", "external"]
LEAST = 5
"""Patients without whom a test cohort shows nothing."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What decides where a patient belongs; nothing of what happened to them.

    Parameters
    ----------
    name : str
        Patient id.
    centre : str
        Empty where there is only one.
    moment : str
        Year, month or day; empty where it is not known or not asked for.
    """

    name: str
    centre: str = ""
    moment: str = ""


@dataclass(frozen=True, slots=True)
class Division:
    """Patients to learn from, and patients to score.

    Parameters
    ----------
    develop : frozenset of str
        Patients to learn from and to cross-validate on.
    tests : mapping of str to frozenset of str
        Patients of every test cohort.
    scopes : mapping of str to {"internal", "external"}
        External cohorts share no centre with the development cohort.
    nowhere : frozenset of str
        Patients of no cohort.
    """

    develop: frozenset[str]
    tests: Mapping[str, frozenset[str]] = field(default_factory=dict)
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    nowhere: frozenset[str] = frozenset()


def divide_patients(patients: Iterable[Patient], split: SplitParams) -> Division:
    """Deal patients into the development cohort and the test cohorts.

    Parameters
    ----------
    patients : iterable of Patient
        Everybody with all sources.
    split : SplitParams
        Conditions, fraction and seed.

    Raises
    ------
    StudyError
        If a cohort stays empty, or a patient belongs to two test cohorts.
    LeakError
        If a patient would be learned from and tested on.

    Notes
    -----
    Within each centre patients are ordered by a digest of seed and id, and the
    first ones are developed on: a patient who joins or leaves moves at most one other.

    Examples
    --------
    >>> from hepacast.run.settings.split import SplitParams
    >>> split = SplitParams.model_validate(
    ...     {"develop": {"centre": 1}, "tests": {"external": {"centre": [2, 3]}}})
    >>> centres = {"a": "1", "b": "2", "c": "2", "d": "3", "e": "3", "f": "3", "g": "4"}
    >>> found = divide_patients([Patient(*one) for one in centres.items()], split)
    >>> sorted(found.develop), sorted(found.tests["external"]), sorted(found.nowhere)
    (['a'], ['b', 'c', 'd', 'e', 'f'], ['g'])
    >>> found.scopes
    {'external': 'external'}
    """
    everybody = sorted(set(patients), key=lambda one: one.name)
    wanted = split.develop
    able = [one for one in everybody if wanted is None or _fits(one, wanted)]
    drawn = able if wanted is None else _draw(able, wanted.fraction, split.seed)
    rest = {one.name for one in able} - {one.name for one in drawn}
    tests = {
        name: frozenset(
            one.name
            for one in everybody
            if _fits(one, test) and (not test.rest or one.name in rest)
        )
        for name, test in split.tests.items()
    }
    tested = frozenset().union(*tests.values())
    develop = frozenset(one.name for one in drawn)
    if wanted is None:
        develop -= tested
    _require_apart(develop, tests)
    centre_of = {one.name: one.centre for one in everybody}
    known = {centre_of[name] for name in develop}
    scopes: dict[str, Scope] = {
        name: "internal" if known & {centre_of[one] for one in members} else "external"
        for name, members in tests.items()
    }
    nowhere = frozenset(centre_of) - develop - tested
    return Division(develop, tests, scopes, nowhere)


def patients_of(materials: Materials, cases: Iterable[str]) -> list[Patient]:
    """Read centre and moment of cases.

    Raises
    ------
    TableError
        If a moment is not a year, month or day in the order that sorts.
    StudyError
        If the column of the moment is not described, or a centre does not exist.
    """
    moments = _moments(materials)
    found = [Patient(case, materials.sites.get(case, ""), moments.get(case, "")) for case in cases]
    split = materials.study.split
    there = {one.centre for one in found}
    for name, side in (("develop", split.develop), *split.tests.items()):
        absent = [one for one in (side.centre or () if side else ()) if one not in there]
        if absent:
            raise StudyError(
                what=f"split: {name} can name only centres of the case table",
                got=f"{absent[0]!r}, where there are {', '.join(map(repr, sorted(there)))}",
                fix="Name the column in cases.site (or clinical.site) and its values as written.",
            )
    return found


def _moments(materials: Materials) -> dict[str, str]:
    """Read the column with the moment of every case."""
    column = materials.study.split.time
    if column is None:
        return {}
    clinical = materials.clinical
    if column not in clinical.fields:
        raise StudyError(
            what="split.time must be a column of the data dictionary",
            got=repr(column),
            fix="Describe it there (kind: text, timing: baseline).",
        )
    found = {}
    cells = clean_cells(clinical.text, column, clinical.fields[column])
    for row, (case, cell) in enumerate(zip(clinical.cases, cells, strict=True)):
        if cell is not None and not MOMENT.fullmatch(cell):
            raise TableError(
                what=f"column {column!r} must hold a year, YYYY-MM or YYYY-MM-DD",
                got=f"{cell!r} in row {row + 2}",
                fix="Write dates in the ISO order: 03/04/2019 is April here and March there, "
                "and 43558 is a day only to a spreadsheet.",
            ).at(file=clinical.text.source, case=case)
        found[case] = cell or ""
    return found


def _fits(one: Patient, side: DevelopParams | HeldOutParams) -> bool:
    """Check the conditions of one cohort; a moment that is not known meets none."""
    if side.centre is not None and one.centre not in side.centre:
        return False
    if side.since is None and side.before is None:
        return True
    late_enough = side.since is None or one.moment >= side.since
    return bool(one.moment) and late_enough and (side.before is None or one.moment < side.before)


def _draw(able: list[Patient], fraction: float | None, seed: int) -> list[Patient]:
    """Take a share of the patients of every centre."""
    if fraction is None:
        return able
    order = sorted(able, key=lambda one: digest_bytes(f"{seed}/develop/{one.name}".encode()))
    wanted = {
        centre: round(fraction * count)
        for centre, count in Counter(one.centre for one in able).items()
    }
    drawn = []
    for one in order:
        if wanted[one.centre] > 0:
            wanted[one.centre] -= 1
            drawn.append(one)
    return drawn


def _require_apart(develop: frozenset[str], tests: Mapping[str, frozenset[str]]) -> None:
    """Refuse an empty cohort, and a patient of two."""
    if not develop:
        raise StudyError(
            what="split: the development cohort needs patients",
            got="nobody",
            fix="Check the conditions of develop, and the tests that take patients away.",
        )
    taken: dict[str, str] = {}
    for name, members in tests.items():
        if len(members) < LEAST:
            raise NotEstimableError(
                what=f"split: test cohort {name!r} needs at least {LEAST} patients",
                got=f"{len(members)}",
                fix="Check its conditions; centres and moments are compared letter by letter.",
            )
        if both := members & develop:
            raise LeakError(
                what=f"split: nobody is both developed and tested on ({name})",
                got=f"{len(both)} patients, the first is {min(both)!r}",
                fix="Make the conditions exclude one another, or write rest: true.",
            )
        for one in sorted(members):
            if one in taken:
                raise StudyError(
                    what="split: a patient belongs to one test cohort",
                    got=f"{one!r} to {taken[one]!r} and {name!r}",
                    fix="Make the conditions exclude one another.",
                )
            taken[one] = name
