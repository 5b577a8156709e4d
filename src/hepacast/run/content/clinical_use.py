# SPDX-License-Identifier: Apache-2.0
"""What the models of a study are good for: readers who used one, and whom a treatment helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary
from hepacast.core.registry import kind_of
from hepacast.models.model import can_learn
from hepacast.report import content as shown
from hepacast.run.content.compose_protocol import cohort_name
from hepacast.run.protocol.discrimination import as_estimate, discriminate
from hepacast.run.protocol.evaluate import event_by
from hepacast.run.protocol.resample import OutOfFold
from hepacast.run.protocol.survivals import by_class
from hepacast.stats.reader_gains import Reads, reader_gains
from hepacast.stats.strata import four_classes, treatment_over_strata
from hepacast.table.clinical import choose_predictors
from hepacast.table.outcomes import read_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.core.folds import Cohort
    from hepacast.core.outcome import CompetingRisks, Survival
    from hepacast.run.gather import Materials
    from hepacast.run.protocol.finding import Finding
    from hepacast.run.settings.clinical_use import RiskOfParams, TreatmentParams
    from hepacast.stats.estimate import Comparison, Estimate
    from hepacast.stats.reader_gains import ReaderGain, ReaderGains
    from hepacast.stats.readers import ReaderStudy
    from hepacast.stats.strata import ClassBenefit


def require_usable(materials: Materials) -> None:
    """Refuse, before any work, a reader study or classes that the tables cannot give.

    Parameters
    ----------
    materials : Materials
        The study and its tables.

    Raises
    ------
    StudyError
        If a model named there cannot learn its outcome, survival has no time, or the treatment's
        columns are not what they must be.
    TableError
        If no reader's case is in the clinical table, or a time of treatment is wrong.
    """
    study = materials.study
    if study.readers is not None:
        _require_learnable(materials, "readers", study.readers.outcome, study.readers.model)
        table = materials.readers
        if table is not None and not set(table.cases) & set(materials.clinical.cases):
            raise StudyError(
                what="the table of readers must share case ids with the clinical table",
                got=f"{table.cases[0]!r} and {materials.clinical.cases[0]!r}",
                fix="Use the same ids, letter by letter.",
            )
    if study.strata is None:
        return
    for place, one in (("early", study.strata.early), ("survival", study.strata.survival)):
        _require_learnable(materials, f"strata.{place}", one.outcome, one.model)
    if isinstance(materials.labelled[study.strata.survival.outcome].outcome, Binary):
        raise StudyError(
            what="strata.survival needs a time to an event",
            got=f"{study.strata.survival.outcome!r}, which is binary",
            fix="Name a survival outcome.",
        )
    if study.strata.treatment is not None:
        read_days(study.strata.treatment.given_at, study.strata.treatment.unit, materials.clinical)
        choose_predictors(materials.clinical, study.strata.treatment.match)


def _require_learnable(materials: Materials, place: str, outcome: str, model: str) -> None:
    """Refuse a model whose algorithm will be left out of this outcome."""
    models = materials.study.models
    known = materials.labelled[outcome].outcome
    for name in models.sets:
        for one in models.algorithms:
            if f"{name} {kind_of(one)}" == model and not can_learn(one, known):
                raise StudyError(
                    what=f"{place} must name a model that learns outcome {outcome!r}",
                    got=f"{model!r}, which cannot learn {type(known).__name__}",
                    fix="Name another of the models.",
                )


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """What a model says about a cohort that it never saw.

    Parameters
    ----------
    name : str
        Of the cohort.
    cohort : Cohort
        The cases.
    found : OutOfFold
        Predictions, in the order of the cohort.
    """

    name: str
    cohort: Cohort
    found: OutOfFold

    def rows(self, cases: Sequence[str]) -> np.ndarray:
        """Return where cases are; all must be there."""
        row_of = {case: at for at, case in enumerate(self.cohort.table.cases)}
        return np.array([row_of[case] for case in cases], dtype=np.intp)


def unseen(finding: Finding, model: str) -> list[Unseen]:
    """List the development cohort, scored out of fold, and the test cohorts that were opened.

    Parameters
    ----------
    finding : Finding
        One outcome.
    model : str
        Of the study.
    """
    tests = [Unseen(one.name, one.cohort, one.models[model]) for one in finding.tests]
    own = Unseen(cohort_name(finding), finding.cohort, finding.assessment.models[model])
    return [own, *tests]


def read_by_all(materials: Materials, findings: Sequence[Finding]) -> shown.ReaderStudy | None:
    """Analyse the reader study of a study file; None where it has none.

    Parameters
    ----------
    materials : Materials
        The study, and the table of its readers.
    findings : sequence of Finding
        One per outcome.
    """
    params, table = materials.study.readers, materials.readers
    if params is None or table is None:
        return None
    finding = next(one for one in findings if one.name == params.outcome)
    parts = unseen(finding, params.model)
    happened = {
        case: event
        for part in parts
        for case, event in zip(
            part.cohort.table.cases, event_by(part.cohort.outcome, finding.at_days), strict=True
        )
    }
    known = [happened.get(case) is not None for case in table.cases]
    cases = [case for case, use in zip(table.cases, known, strict=True) if use]
    event = np.array([bool(happened[case]) for case in cases], dtype=np.bool_)
    scores, calls = (
        None if one is None else one[:, :, np.array(known)] for one in (table.scores, table.calls)
    )
    gains = reader_gains(Reads(readers=table.readers, event=event, scores=scores, calls=calls))
    alone, why = _model_alone(parts, cases, event)
    left = {
        "not answered by every reader": len(table.unanswered),
        "without a known outcome, or in no cohort that was opened": len(known) - len(cases),
    }
    return _shown_readers(gains).model_copy(
        update={
            "outcome": params.outcome,
            "model": params.model,
            "n": len(cases),
            "events": int(event.sum()),
            "left_out": tuple(f"{reason}: {count}" for reason, count in left.items() if count),
            "model_alone": alone,
            "missing": (*why, *gains.missing),
        }
    )


def _model_alone(
    parts: Sequence[Unseen], cases: Sequence[str], event: np.ndarray
) -> tuple[shown.Estimate | None, tuple[str, ...]]:
    """Estimate the AUC of the model itself in the readers' cases, or say why not."""
    whole = [part for part in parts if set(cases) <= set(part.cohort.table.cases)]
    if not whole:
        return None, ("AUC of the model: the readers' cases lie in several cohorts",)
    rows, found = whole[0].rows(cases), whole[0].found
    part = OutOfFold(
        cases=tuple(cases),
        score=found.score[rows],
        probability=found.probability[rows],
        high=found.high[rows],
        by_repeat=found.by_repeat[:, rows],
        folds=None if found.folds is None else found.folds[:, rows],
    )
    try:
        return as_estimate(discriminate(Binary(event), part)), ()
    except NotEstimableError as error:
        return None, (f"AUC of the model: {error}",)


def _shown_readers(gains: ReaderGains) -> shown.ReaderStudy:
    """Turn the analysis into what the report shows; the caller fills in whose it is."""
    with_model, alone = gains.agreement or ((), ())
    return shown.ReaderStudy(
        outcome="",
        model="",
        n=0,
        events=0,
        readers=tuple(map(_reader, gains.readers)),
        together=tuple(map(_all_readers, gains.together)),
        agreement_alone=alone,
        agreement_with_model=with_model,
    )


def _reader(gain: ReaderGain) -> shown.ReaderResult:
    calls = gain.calls
    return shown.ReaderResult(
        name=gain.name,
        auc=None if gain.auc is None else _both(gain.auc),
        gain=None if gain.auc_gain is None else _difference(gain.auc_gain),
        gain_p=None if gain.auc_gain is None else gain.auc_gain.p,
        sensitivity=None if calls is None else _both(calls.sensitivity),
        specificity=None if calls is None else _both(calls.specificity),
        events_p=None if calls is None else calls.on_events.p,
        others_p=None if calls is None else calls.on_others.p,
        became_right=None if calls is None else calls.changed_right,
        became_wrong=None if calls is None else calls.changed_wrong,
    )


def _all_readers(study: ReaderStudy) -> shown.AllReaders:
    return shown.AllReaders(
        measure=study.merit,
        values=_both(study.means),
        gain=_difference(study.random_readers),
        p=study.random_readers.p,
        fixed_p=study.fixed_readers.p,
        sentence=study.sentence(),
    )


def _both(pair: tuple[Estimate, Estimate]) -> shown.BothWays:
    with_model, alone = map(as_estimate, pair)
    return shown.BothWays(alone=alone, with_model=with_model)


def _difference(found: Comparison) -> shown.Estimate:
    return shown.Estimate(
        value=found.difference,
        low=found.low,
        high=found.high,
        method=found.method,
        sentence=found.sentence(),
    )


def classes_of(materials: Materials, findings: Sequence[Finding]) -> tuple[shown.Strata, ...]:
    """Divide every cohort into four classes of predicted risk; empty where a study asks for none.

    The classes come from models that never saw the patient: cuts were learned in the training
    part of every fold.

    Parameters
    ----------
    materials : Materials
        The study and its tables.
    findings : sequence of Finding
        One per outcome.
    """
    params = materials.study.strata
    if params is None:
        return ()
    by_name = {one.name: one for one in findings}
    early = unseen(by_name[params.early.outcome], params.early.model)
    survival = unseen(by_name[params.survival.outcome], params.survival.model)
    later = {one.name: one for one in survival}
    pairs = [(one, later[one.name]) for one in early if one.name in later]
    named = (_named(params.early), _named(params.survival))
    return tuple(
        _divided(materials, pair, named, params.treatment)
        for pair in pairs
        if set(pair[0].cohort.table.cases) & set(pair[1].cohort.table.cases)
    )


def _named(one: RiskOfParams) -> str:
    return f"{one.outcome} ({one.model})"


def _divided(
    materials: Materials,
    pair: tuple[Unseen, Unseen],
    named: tuple[str, str],
    treatment: TreatmentParams | None,
) -> shown.Strata:
    """Show the classes of one cohort, and a treatment within them."""
    first, second = pair
    there = set(second.cohort.table.cases)
    cases = [case for case in first.cohort.table.cases if case in there]
    rows, own = first.rows(cases), second.rows(cases)
    group = four_classes(first.found.high[rows], second.found.high[own])
    outcome = second.cohort.outcome.take(own)
    if isinstance(outcome, Binary):  # refused at the door
        raise StudyError(
            what="strata.survival needs a time to an event",
            got="binary",
            fix="Name a survival outcome.",
        )
    benefit, missing = None, ""
    if treatment is not None:
        try:
            benefit = _benefit(materials, treatment, (cases, np.array(group)), outcome)
        except NotEstimableError as error:
            missing = str(error)
    return shown.Strata(
        cohort=first.name,
        early=named[0],
        survival=named[1],
        outcome=outcome.name,
        curves=by_class(outcome, np.array(group)),
        benefit=benefit,
        missing=missing,
    )


def _benefit(
    materials: Materials,
    treatment: TreatmentParams,
    grouped: tuple[Sequence[str], np.ndarray],
    outcome: Survival | CompetingRisks,
) -> shown.Benefit:
    """Compare treated and untreated within the classes, from the landmark on."""
    cases, group = grouped
    clinical = materials.clinical
    row_of = {case: at for at, case in enumerate(clinical.cases)}
    rows = np.array([row_of[case] for case in cases], dtype=np.intp)
    given = read_days(treatment.given_at, treatment.unit, clinical)[rows]
    covariates = clinical.predictors(treatment.match).values[rows]
    known = np.isfinite(covariates).all(axis=1)
    found = treatment_over_strata(
        group[known],
        (outcome.time_days[known], outcome.event[known]),
        given[known],
        covariates[known],
        treatment.landmark_months * DAYS_PER_MONTH,
        caliper=treatment.caliper,
    )
    lost, gone = int((~known).sum()), found.landmark.excluded
    test = found.interaction
    return shown.Benefit(
        treatment=treatment.given_at,
        landmark_months=treatment.landmark_months,
        matched_on=treatment.match,
        left_out=(
            *([f"a covariate is missing: {lost}"] if lost else []),
            *([f"follow-up had ended by the landmark: {gone}"] if gone else []),
        ),
        classes=tuple(map(_class, found.classes[::-1])),
        interaction_p=None if test is None else test.p,
        method="" if test is None else test.method,
        sentence=found.sentence(),
    )


def _class(found: ClassBenefit) -> shown.ClassBenefit:
    ratio = None
    if found.ratio is not None:
        ratio = shown.Estimate(
            value=found.ratio,
            low=found.low,
            high=found.high,
            method="Cox regression in matched pairs, robust standard errors",
            sentence=found.sentence(),
        )
    return shown.ClassBenefit(
        name=found.name,
        n=found.n,
        treated=found.treated,
        pairs=found.pairs,
        events=found.events,
        imbalance=found.imbalance,
        hazard_ratio=ratio,
        p=found.p,
        reason=found.reason,
    )
