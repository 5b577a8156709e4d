# SPDX-License-Identifier: Apache-2.0
"""Features from networks that learned the masks of some development patients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, NotEstimableError
from hepacast.core.events import Advanced, Noticed, Started, ignore
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.provenance import digest_bytes
from hepacast.core.registry import kind_of
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.deep.crops import Crops
from hepacast.deep.semantic import learn_semantic
from hepacast.deep.training import Session
from hepacast.run.parts.crops import KeptCrops
from hepacast.run.parts.semantic_settings import SemanticBlockParams
from hepacast.run.protocol.flow import Joined, Step
from hepacast.table.outcomes import Exclusion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.protocol.cohorts import Division
    from hepacast.run.settings.study import Study
    from hepacast.run.work.execute import Executor

LEAST = 20
"""Development patients who must be left when the teachers have gone."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One network: from whom it learns, and whom it describes; nobody is both.

    Parameters
    ----------
    kept : KeptCrops
        Pictures and masks.
    params : SemanticBlockParams
        Settings.
    phase : str
        Whose pictures.
    learn, describe : tuple of (case, patient)
        Who.
    """

    kept: KeptCrops
    params: SemanticBlockParams
    phase: str
    learn: tuple[tuple[str, str], ...]
    describe: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a network says about cases that it never saw.

    Parameters
    ----------
    table : FeatureTable
        Means of its levels.
    dice : (case,) float
        Overlap of its outlines with the masks.
    """

    table: FeatureTable
    dice: np.ndarray


def teach(lesson: Lesson) -> Taught:
    """Let a network learn from the teachers, and describe the others."""
    crops, masks = lesson.kept.load(), lesson.kept.load_masks()
    at = crops.phases.index(lesson.phase)
    own = Crops(crops.pixels[:, [at]], crops.cases, (lesson.phase,), crops.present[:, [at]])
    params = lesson.params
    rows = (*lesson.learn, *lesson.describe)
    cases, patients = (tuple(one[side] for one in rows) for side in (0, 1))
    blank = FeatureTable(np.zeros((len(rows), 0)), cases, (), patients)
    # A cohort needs an outcome; that nothing happened to anybody is all that this one says.
    cohort = Cohort(blank, Binary(np.zeros(len(rows), dtype=bool), "not looked at"))
    learners = frozenset(patient for _, patient in lesson.learn)
    fold = Fold(learners, frozenset(patients) - learners, "teachers")
    prefix = FeatureName(lesson.phase, params.region, kind_of(params.network), "deep", "-")
    session = Session(seed=params.seed, name=f"outlines {lesson.phase}")
    try:
        train = fold.train(cohort)
        fitted = learn_semantic(train, own, masks[:, at], params.learning, prefix, session)
    except HepacastError as error:
        raise error.at(phase=lesson.phase) from None
    unseen = fold.test(cohort)
    return Taught(fitted.apply(unseen), fitted.dice(unseen, masks[:, at]))


def with_semantics(
    study: Study,
    joined: Joined,
    division: Division,
    kept: tuple[Path, Mapping[str, str]],
    pool: Executor,
    *,
    on_event: Listener = ignore,
) -> tuple[Joined, Division]:
    """Add the columns of every such block, and let its teachers leave if the study says so.

    Parameters
    ----------
    study : Study
        Settings and seed.
    joined : Joined
        All other columns.
    division : Division
        Only development patients teach; how they are dealt has been settled.
    kept : (Path, mapping of case to str)
        Folder of the results, and the keys of the records.
    pool : Executor
        Trains the networks.
    on_event : callable
        Told how well the outlines of new patients fit.
    """
    folder, keys = kept
    for name, block in study.features.items():
        if isinstance(block, SemanticBlockParams):
            there = {case: keys[case] for case in joined.table.cases}
            place = KeptCrops(folder, name, there)
            joined, division = _with_block(
                (name, block), (joined, division), (place, study.split.seed), pool, on_event
            )
    return joined, division


def _with_block(
    named: tuple[str, SemanticBlockParams],
    around: tuple[Joined, Division],
    source: tuple[KeptCrops, int],
    pool: Executor,
    on_event: Listener,
) -> tuple[Joined, Division]:
    """Teach the networks of one block, and put their columns beside the others."""
    (name, block), (joined, division), (place, seed) = named, around, source
    teachers = _draw(division.develop, block, seed)
    people = list(zip(joined.table.cases, joined.table.patients, strict=True))
    leave = block.then == "leave"
    kept = [case for case, patient in people if not (leave and patient in teachers)]
    columns: list[FeatureTable] = []
    for phase in block.phases:
        lessons = _lessons(place, block, phase, people, teachers)
        parts = list(_taught(lessons, pool, on_event))
        columns.append(_stacked([part.table for part in parts], kept))
        dice = np.concatenate([part.dice for part in parts])
        text = (
            f"outlines of {block.region} learned from {len(teachers)} patients: mean Dice "
            f"{dice.mean():.3f} in {len(dice)} cases that their network did not learn from"
        )
        on_event(Noticed(f"{name} {phase}", text))
    table = joined.table.rows(kept)
    for one in columns:
        table = table.beside(one)
    found = {**joined.columns, name: tuple(c for one in columns for c in one.columns)}
    steps = joined.steps
    if leave:
        gone = tuple(case for case, patient in people if patient in teachers)
        reason = f"taught the network of {name}"
        steps = (*steps, Step("Cases with all sources", len(people), (Exclusion(reason, gone),)))
        division = replace(division, develop=division.develop - teachers)
    return Joined(table, found, steps), division


def _draw(develop: frozenset[str], block: SemanticBlockParams, seed: int) -> frozenset[str]:
    """Draw the teachers, by a digest: who teaches hardly changes when another patient leaves."""
    order = sorted(develop, key=lambda patient: digest_bytes(f"{seed}/teacher/{patient}".encode()))
    left = len(order) - (block.teachers if block.then == "leave" else 0)
    if left < LEAST or block.teachers > len(order):
        raise NotEstimableError(
            what=f"{LEAST} development patients must be left when the teachers have gone",
            got=f"{block.teachers} teachers among {len(order)} development patients",
            fix="Let fewer of them teach, or let them stay (then: stay).",
        )
    return frozenset(order[: block.teachers])


def _lessons(
    place: KeptCrops,
    block: SemanticBlockParams,
    phase: str,
    people: Sequence[tuple[str, str]],
    teachers: frozenset[str],
) -> list[Lesson]:
    """Lay out one network for new patients, and one per part of the teachers if they stay."""
    teaching = tuple(one for one in people if one[1] in teachers)
    others = tuple(one for one in people if one[1] not in teachers)
    lessons = [Lesson(place, block, phase, teaching, others)]
    if block.then == "stay":
        order = sorted(teachers)
        for at in range(block.folds):
            part = frozenset(order[at :: block.folds])
            rest = tuple(one for one in teaching if one[1] not in part)
            own = tuple(one for one in teaching if one[1] in part)
            lessons.append(Lesson(place, block, phase, rest, own))
    return lessons


def _taught(lessons: Sequence[Lesson], pool: Executor, on_event: Listener) -> list[Taught]:
    """Teach all networks of one phase."""
    stage = f"learn outlines {lessons[0].phase}"
    on_event(Started(stage, len(lessons)))
    done: dict[int, Taught] = {}
    for at, result in pool.work(teach, lessons):
        if isinstance(result, HepacastError):
            raise result
        done[at] = result
        on_event(Advanced(stage, str(at + 1)))
    return [done[at] for at in range(len(lessons))]


def _stacked(tables: Sequence[FeatureTable], cases: Sequence[str]) -> FeatureTable:
    """Put the rows of several networks under each other, in the order of the cases."""
    names = tuple(case for one in tables for case in one.cases)
    owners = tuple(patient for one in tables for patient in one.patients)
    values = np.vstack([one.values for one in tables])
    return FeatureTable(values, names, tables[0].columns, owners).rows(cases)
