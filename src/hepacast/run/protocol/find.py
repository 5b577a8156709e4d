# SPDX-License-Identifier: Apache-2.0
"""One outcome from its cases to all that is found out about it, in the order of the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import StudyError
from hepacast.core.events import Noticed, ignore
from hepacast.core.table import FeatureName
from hepacast.run.cases.shuffle import replace_columns
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.protocol.chain import Recipe, batch_columns
from hepacast.run.protocol.comparators import comparator_table, with_comparators
from hepacast.run.protocol.controls import permuted_labels, random_features
from hepacast.run.protocol.discrimination import discriminate, discrimination
from hepacast.run.protocol.finding import Finding
from hepacast.run.protocol.flow import Joined, Step, cohort_of
from hepacast.run.protocol.held_out import leave_centres_out, require_both, score_held_out
from hepacast.run.protocol.horizon import horizon_days
from hepacast.run.protocol.looks import look
from hepacast.run.protocol.optimism import correct, spread_over_seeds
from hepacast.run.protocol.published import Order, as_published
from hepacast.run.protocol.readiness import readiness, require_different_patients
from hepacast.run.protocol.recipe import with_algorithms, with_baselines
from hepacast.run.protocol.resample import assess, plan
from hepacast.table.outcomes import Exclusion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hepacast.core.events import Listener
    from hepacast.core.folds import Cohort
    from hepacast.core.outcome import Outcome
    from hepacast.core.table import FeatureTable
    from hepacast.report.content import Precision
    from hepacast.run.gather import Materials
    from hepacast.run.parts.crops import KeptCrops
    from hepacast.run.parts.reread import Rereading
    from hepacast.run.protocol.cohorts import Division
    from hepacast.run.protocol.held_out import HeldOut
    from hepacast.run.protocol.looks import Look
    from hepacast.run.protocol.published import AsPublished
    from hepacast.run.work.execute import Executor

SITE = FeatureName.clinical("site")
"""Column of the centre's code, for ComBat; nothing else sees it."""


def _unrecorded() -> None:
    """Keep no record: there is no study file to keep it beside."""


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """Everything of a study that all its outcomes share.

    Parameters
    ----------
    materials : Materials
        The study and its tables.
    joined : Joined
        All columns of all cases, centre and clinical scores among them.
    division : Division
        Who is developed and who is tested on.
    rereading : Rereading or None
        Second readings.
    shuffled : FeatureTable or None
        Columns measured on shuffled voxels, for the control.
    pictures : mapping of str to KeptCrops
        Where the pictures are, by score whose model is a network.
    opening : callable
        Writes down that the test cohorts are opened; called before the first of them is scored.
    """

    materials: Materials
    joined: Joined
    division: Division
    rereading: Rereading | None = None
    shuffled: FeatureTable | None = None
    pictures: Mapping[str, KeptCrops] = field(default_factory=dict)
    opening: Callable[[], None] = _unrecorded


def arrange(
    materials: Materials, joined: Joined, division: Division, rereading: Rereading | None
) -> Arranged:
    """Put the code of the centre and the clinical scores beside the features.

    Parameters
    ----------
    materials : Materials
        The study and its tables.
    joined : Joined
        All columns of all cases.
    division : Division
        Who is developed and who is tested on.
    rereading : Rereading or None
        Second readings.

    Raises
    ------
    StudyError
        If ComBat would meet centres in a test cohort that it never saw in development.
    """
    _require_known_batches(materials, division)
    table, columns = joined.table, dict(joined.columns)
    scores = comparator_table(materials, table.cases)
    if scores is not None:
        table = table.beside(scores)
    if materials.sites and SITE not in table.columns:
        code = {site: at for at, site in enumerate(sorted(set(materials.sites.values())))}
        codes = [[float(code[materials.sites[c]])] if c in materials.sites else [np.nan]
                 for c in table.cases]  # fmt: skip
        table = table.beside(table.with_values(np.array(codes), (SITE,)))
    return Arranged(materials, Joined(table, columns, joined.steps), division, rereading)


def _require_known_batches(materials: Materials, division: Division) -> None:
    """Refuse ComBat by centre where test patients come from other centres: before any work."""
    steps = [step for score in materials.study.scores.values() for step in score.steps]
    if not any(SITE in batch_columns(step) for step in steps):
        return
    if not materials.sites:
        raise StudyError(
            what="ComBat needs the centre of every case",
            got="no column of the centre",
            fix="Name it in cases.site or clinical.site.",
        )
    known = {materials.sites[case] for case in division.develop if case in materials.sites}
    for name, members in division.tests.items():
        new = sorted({materials.sites.get(case, "") for case in members} - known)
        if new:
            raise StudyError(
                what="ComBat only knows the centres of the development cohort",
                got=f"centre {new[0]!r} in test cohort {name!r}",
                fix="Leave harmonisation out: what a new centre needs cannot be learned elsewhere.",
            )


def recipe_of(
    arranged: Arranged, outcome: Outcome, *, on_event: Listener = ignore
) -> tuple[Recipe, dict[str, str]]:
    """Say what is fitted again in every resample, and the role of every model.

    Parameters
    ----------
    arranged : Arranged
        The study.
    outcome : Binary, Survival or CompetingRisks
        What is to be learned; algorithms that cannot are left out.
    on_event : callable
        Told of those, and of baselines that are not there.
    """
    study = arranged.materials.study
    recipe = Recipe(
        scores=study.scores,
        models=study.models,
        columns=arranged.joined.columns,
        inner=study.split.inner,
        seed=study.split.seed,
        rereading=arranged.rereading,
        pictures=arranged.pictures,
    )
    recipe = with_algorithms(recipe, outcome, on_event=on_event)
    recipe, roles = with_baselines(recipe, on_event=on_event)
    recipe, more = with_comparators(recipe, study.models.comparators)
    return recipe, {**roles, **more}


def division_steps(joined: Joined, division: Division) -> tuple[Joined, tuple[Step, ...]]:
    """Keep the development cases, and say of the others where they went.

    Parameters
    ----------
    joined : Joined
        All columns of all cases.
    division : Division
        Who is developed and who is tested on.
    """
    if not division.tests and not division.nowhere:
        return joined, ()
    table = joined.table
    parts = {f"kept for the test cohort {name}": m for name, m in division.tests.items()}
    parts["in no cohort"] = division.nowhere
    rows = list(zip(table.cases, table.patients, strict=True))
    excluded = tuple(
        Exclusion(reason, tuple(case for case, patient in rows if patient in members))
        for reason, members in parts.items()
        if members
    )
    kept = table.rows(case for case, patient in rows if patient in division.develop)
    return replace(joined, table=kept), (Step("Development cohort", len(table), excluded),)


def find(arranged: Arranged, name: str, pool: Executor, *, on_event: Listener = ignore) -> Finding:
    """Validate all models of one outcome: cross-validation, controls, tests, both orders.

    Test cohorts are scored last, by models that nothing can change any more.

    Parameters
    ----------
    arranged : Arranged
        The study.
    name : str
        Of the outcome.
    pool : Executor
        Works on folds and controls.
    on_event : callable
        Told of progress and notices.
    """
    materials, division = arranged.materials, arranged.division
    study = materials.study
    inside, _ = division_steps(arranged.joined, division)
    cohort, step = cohort_of(inside, materials, name)
    recipe, roles = recipe_of(arranged, cohort.outcome, on_event=on_event)
    at_days = horizon_days(study.outcomes[name], cohort.outcome)
    notes = _ready(arranged, cohort, at_days, on_event)
    tasks = [
        replace(task, maps=task.repeat == 0 and bool(recipe.pictures))
        for task in plan(cohort, recipe, study.split, at_days, repeats=study.split.repeats)
    ]
    finding = Finding(
        name=name,
        cohort=cohort,
        step=step,
        recipe=recipe,
        roles=roles,
        at_days=at_days,
        tasks=tuple(tasks),
        assessment=assess(tasks, pool, on_event=on_event),
        shuffles=permuted_labels(cohort, recipe, study, at_days, pool, on_event=on_event),
        final=final_fit(cohort, recipe, at_days),
        readiness=notes,
    )
    finding = _more(finding, arranged, pool, on_event)
    tests = _tests(finding, arranged, on_event)
    finding = replace(finding, tests=tests, looks=_looks(finding, tests))
    if study.protocol == "as-published":
        finding = replace(finding, published=_published(finding, arranged, pool, on_event))
    return finding


def _ready(
    arranged: Arranged, cohort: Cohort, at_days: float | None, on_event: Listener
) -> tuple[Precision, ...]:
    """Look at the development cohort before anything is trained on it."""
    study = arranged.materials.study
    everybody = whole_cohort(arranged, cohort.outcome.name)
    require_different_patients(everybody, sorted(_measured_columns(arranged)))
    sources = {source for score in study.scores.values() for source in score.from_}
    candidates = dict.fromkeys(
        column for source in sources for column in arranged.joined.columns.get(source, ())
    )
    notes = readiness(cohort.outcome.name, cohort, sorted(candidates), at_days)
    for note in notes:
        if note.warn:
            on_event(Noticed(f"before training {note.outcome}", f"{note.topic}: {note.text}"))
    return notes


def _more(finding: Finding, arranged: Arranged, pool: Executor, on_event: Listener) -> Finding:
    """Add what a study asks for beside cross-validation, on the development cohort alone."""
    study = arranged.materials.study
    split, cohort, recipe, at_days = study.split, finding.cohort, finding.recipe, finding.at_days
    kept = split.develop.fraction if split.develop else None
    share = 1 - kept if kept is not None else 1 / split.outer
    apparent = {
        name: discriminate(cohort.outcome, one).estimate
        for name, one in finding.final.models.items()
    }
    centres: list[HeldOut] = []
    if split.leave_one_centre_out:
        centres = leave_centres_out(cohort, recipe, at_days, pool, on_event=on_event)
    more = replace(finding, centres=tuple(centres))
    if split.seeds:
        found = spread_over_seeds(
            cohort, recipe, share, at_days, split.seeds, pool, on_event=on_event
        )
        more = replace(more, seeds=found)
    if split.bootstrap:
        gaps = correct(cohort, recipe, apparent, at_days, split.bootstrap, pool, on_event=on_event)
        more = replace(more, corrected=gaps)
    measured = _measured_columns(arranged)
    if study.controls.random_features and measured:
        noise = random_features(finding, measured, study, pool, on_event=on_event)
        more = replace(more, noise=noise)
    if arranged.shuffled is not None:
        table = replace_columns(cohort.table, arranged.shuffled)
        tasks = plan(cohort.with_table(table), recipe, split, at_days, repeats=1)
        models = assess(tasks, pool, on_event=on_event).models
        reached = {n: discrimination(cohort.outcome, one) for n, one in models.items()}
        more = replace(more, shuffled=reached)
    return more


def _measured_columns(arranged: Arranged) -> frozenset[FeatureName]:
    """List the columns of feature blocks: what random features replace."""
    blocks = arranged.materials.study.features
    return frozenset(c for name in blocks for c in arranged.joined.columns[name])


def _tests(finding: Finding, arranged: Arranged, on_event: Listener) -> tuple[HeldOut, ...]:
    """Score the test cohorts, unless they stay closed.

    Until here a run that fails has learned nothing about them, and has opened nothing.
    """
    division, split = arranged.division, arranged.materials.study.split
    if not division.tests:
        return ()
    if split.open == "closed":
        names = ", ".join(division.tests)
        on_event(Noticed("split", f"test cohorts stay closed: {names}"))
        return ()
    everybody = whole_cohort(arranged, finding.name)
    cohorts = {name: everybody.of_patients(members) for name, members in division.tests.items()}
    for name, cohort in cohorts.items():
        require_both(name, cohort.outcome)
    arranged.opening()
    return tuple(
        score_held_out(name, division.scopes[name], cohort, finding.final, finding.at_days)
        for name, cohort in cohorts.items()
    )


def _looks(finding: Finding, tests: tuple[HeldOut, ...]) -> dict[str, dict[str, Look]]:
    """Gather where networks looked in patients whom they never saw, test cohorts among them."""
    found = {name: dict(looks) for name, looks in finding.assessment.looks.items()}
    for one in tests:
        for name, looks in look(finding.final.fitted, one.cohort.table).items():
            found.setdefault(name, {}).update(looks)
    return found


def whole_cohort(arranged: Arranged, name: str) -> Cohort:
    """Return the cases of development and test cohorts with one outcome.

    Parameters
    ----------
    arranged : Arranged
        The study.
    name : str
        Of the outcome.
    """
    members = arranged.division.develop.union(*arranged.division.tests.values())
    return cohort_of(arranged.joined, arranged.materials, name)[0].of_patients(members)


def _published(
    finding: Finding, arranged: Arranged, pool: Executor, on_event: Listener
) -> AsPublished:
    """Run the usual order of papers beside the strict one."""
    study = arranged.materials.study
    open_to_all = study.published.select_on == "everybody" and finding.tests
    whole = whole_cohort(arranged, finding.name) if open_to_all else finding.cohort
    candidates = [n for n, role in finding.roles.items() if role == "candidate"]
    order = Order(
        finding.recipe,
        study.split,
        finding.at_days,
        candidates if study.published.winner else (),
    )
    return as_published(whole, finding.cohort, finding.tests, order, pool, on_event=on_event)


def openings(counts: Mapping[str, int], division: Division) -> list[tuple[str, int, int]]:
    """List every test cohort with its patients and how often it was opened.

    Parameters
    ----------
    counts : mapping of str to int
        How often each test cohort was opened.
    division : Division
        Who is in it.
    """
    return [(n, len(division.tests[n]), count) for n, count in counts.items()]
