# SPDX-License-Identifier: Apache-2.0
"""From findings to the content of the report."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.outcome import DAYS_PER_MONTH, Binary, CompetingRisks
from hepacast.core.registry import kind_of
from hepacast.report import content as shown
from hepacast.run.content import compose_protocol as protocol
from hepacast.run.content.clinical_use import classes_of, read_by_all
from hepacast.run.content.equation import equation_of
from hepacast.run.content.methods import methods, references
from hepacast.run.content.table_one import table_one
from hepacast.run.protocol.discrimination import compare, measure_of
from hepacast.run.protocol.evaluate import evaluate
from hepacast.run.protocol.precision import precision
from hepacast.run.protocol.readiness import expected_widths
from hepacast.run.protocol.survivals import overall
from hepacast.run.work.versions import versions
from hepacast.table.outcomes import BinaryParams, CompetingParams, SurvivalParams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.core.errors import HepacastError
    from hepacast.core.events import Noticed
    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.gather import Materials
    from hepacast.run.protocol.apparent import Final
    from hepacast.run.protocol.chain import Recipe
    from hepacast.run.protocol.finding import Finding, Known
    from hepacast.run.protocol.flow import Joined, Step
    from hepacast.run.settings.study import EvaluateParams

PICTURES = 12
"""Cases shown in the report; all others are in the folder of cases."""


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """What surrounds the findings: records, trouble, and when it was."""

    records: Mapping[str, CaseRecord]
    failures: Mapping[str, HepacastError]
    notices: Sequence[Noticed]
    lock_digest: str
    created: str
    truths: Mapping[str, Sequence[Known]]
    divided: tuple[Step, ...] = ()
    openings: Sequence[tuple[str, int, int]] = ()


def compose(
    materials: Materials, joined: Joined, findings: Sequence[Finding], around: Circumstances
) -> shown.ReportContent:
    """Put everything that the report shows into one object.

    Parameters
    ----------
    materials : Materials
        The study and its tables.
    joined : Joined
        All columns of all cases, and who left.
    findings : sequence of Finding
        One per outcome.
    around : Circumstances
        Records, trouble, and when it was.
    """
    about = materials.study.study
    records = list(around.records.values())[:PICTURES]
    outcomes = tuple(_outcome(materials, finding, around) for finding in findings)
    return shown.ReportContent(
        study=shown.Study(
            name=about.name,
            title=about.title,
            design=about.design,
            protocol=materials.study.protocol,
            synthetic=about.synthetic,
            seed=materials.study.split.seed,
            created=around.created,
            versions=versions(),
            lock=_lock(materials, joined, around.lock_digest),
            declared=about.declared,
        ),
        flow=tuple(_flow_step(step) for step in (*joined.steps, *around.divided)),
        readers=read_by_all(materials, findings),
        strata=classes_of(materials, findings),
        openings=tuple(
            shown.Opening(cohort=name, n=n, opened=count) for name, n, count in around.openings
        ),
        table_one=table_one(materials.clinical, findings[0].cohort),
        outcomes=outcomes,
        precision=tuple(
            note
            for f in findings
            for note in (
                *precision(f.name, f.cohort, f.recipe),
                *f.readiness,
                *expected_widths(f.name, f.tests),
            )
        ),
        notices=(
            *(shown.Notice(where=n.where, text=n.text) for n in around.notices),
            *_below_chance(outcomes),
        ),
        failures=tuple(_failure(case, error) for case, error in around.failures.items()),
        pictures=tuple(
            shown.Picture(
                caption="Outlines of the regions on the slice where the smallest is largest.",
                png=record.picture,
                case=record.case,
                stage="regions",
            )
            for record in records
        ),
        methods=methods(materials, findings),
        references=references(materials),
    )


def _below_chance(outcomes: Sequence[shown.OutcomeReport]) -> list[shown.Notice]:
    """Explain estimates that lie below chance: they are no discovery of the opposite."""
    return [
        shown.Notice(
            where=f"{outcome.name} {model.name}",
            text=f"{model.honest.measure} {model.honest.discrimination} lies below chance. Of the "
            "models that find nothing, one in forty does so by chance; it is no discovery of the "
            "opposite: read it as 0.5.",
        )
        for outcome in outcomes
        for model in outcome.models
        if model.honest is not None
        and model.honest.discrimination is not None
        and (model.honest.discrimination.high or 1.0) < 0.5
    ]


def _lock(materials: Materials, joined: Joined, digest: str) -> shown.Lock:
    split = materials.study.split
    repeated = "" if split.repeats == 1 else f", repeated {split.repeats} times"
    scheme = (
        f"{split.outer}-fold cross-validation grouped by patient and balanced by outcome"
        f"{repeated}; {split.inner} inner folds; seed {split.seed}"
    )
    digests = materials.digests.items()
    return shown.Lock(
        study_file=materials.text,
        sha256=digest,
        digests=tuple(shown.Digest(name=name, sha256=sha) for name, sha in digests),
        n_cases=len(joined.table),
        n_patients=len(set(joined.table.patients)),
        n_features=len(joined.table.columns),
        resampling=scheme,
    )


def _flow_step(step: Step) -> shown.FlowStep:
    return shown.FlowStep(
        label=step.label,
        n_before=step.before,
        exclusions=_exclusions(step),
        n_after=step.after,
    )


def _exclusions(step: Step) -> tuple[shown.Exclusion, ...]:
    return tuple(
        shown.Exclusion(reason=one.reason, n=len(one.cases), cases=one.cases)
        for one in step.excluded
    )


def _failure(case: str, error: HepacastError) -> shown.Failure:
    return shown.Failure(
        stage=" > ".join(f"{k} {v}" for k, v in error.where.items() if k not in {"case", "file"}),
        case=case,
        file=error.where.get("file", ""),
        expected=error.what,
        found=error.got,
        fix=error.fix,
    )


def _outcome(materials: Materials, finding: Finding, around: Circumstances) -> shown.OutcomeReport:
    """Compute all that is shown of one outcome."""
    outcome = finding.cohort.outcome
    final = finding.final
    models = tuple(_model(finding, name, final, materials) for name in finding.recipe.models.sets)
    found = finding.assessment.models
    candidates = [name for name, role in finding.roles.items() if name in found and role]
    kind = {Binary: "binary", CompetingRisks: "competing"}.get(type(outcome), "survival")
    return shown.OutcomeReport.model_validate(
        {
            "name": finding.name,
            "kind": kind,
            "definition": define(materials.study.outcomes[finding.name]),
            "n": len(outcome),
            "events": int(outcome.event.sum()),
            "exclusions": _exclusions(finding.step),
            "horizon_months": None if finding.at_days is None else finding.at_days / DAYS_PER_MONTH,
            "overall": None if isinstance(outcome, Binary) else overall(outcome),
            "models": models,
            "comparisons": tuple(
                compare(
                    outcome,
                    (a, found[a]),
                    (b, found[b]),
                    seen=final.models,
                    patients=finding.cohort.table.patients,
                )
                for a, b in combinations(candidates, 2)
            ),
            "permutations": tuple(
                _permutation(finding, model, null)
                for model, null in finding.shuffles.items()
                if len(null)  # no shuffle, no claim
            ),
            "certificate": protocol.certificate(finding),
            "controls": protocol.controls(finding),
            "seeds": protocol.seeds(finding),
            "published": protocol.published(finding, materials.study.published),
            "winner": protocol.winner(finding),
            "truth": tuple(
                shown.Truth(
                    name=f"{measure} of {known.model}{known.where}",
                    true=known.value,
                    estimate=estimate,
                )
                for known in around.truths.get(finding.name, ())
                for measure, estimate in [_headline(models, known.model)]
            ),
        }
    )


def _headline(models: tuple[shown.Model, ...], name: str) -> tuple[str, shown.Estimate]:
    """Return the measure and the out-of-fold estimate of one model."""
    model = next(model for model in models if model.name == name)
    honest = model.honest
    if honest is None or honest.discrimination is None:
        return "", shown.Estimate(value=None)
    return honest.measure, honest.discrimination


def _model(finding: Finding, name: str, final: Final, materials: Materials) -> shown.Model:
    """Show one model: honest and apparent results, what it chose, and how steadily."""
    settings = materials.study.evaluate
    members = finding.recipe.models.sets[name]
    return shown.Model(
        name=name,
        role="baseline" if finding.roles[name] == "baseline" else "candidate",
        ingredients=members,
        algorithm=_algorithm(finding, name),
        steps=tuple(step for score in members for step in _steps(finding.recipe, score)),
        evaluations=_evaluations(finding, name, settings),
        coefficients=tuple(c for score in members for c in _coefficients(finding, score, final)),
        funnel=tuple(f for score in members for f in _funnel(finding, score)),
        equation=equation_of(final.fitted, name, final.train, materials.clinical, finding.at_days),
    )


def _evaluations(
    finding: Finding, name: str, settings: EvaluateParams
) -> tuple[shown.Evaluation, ...]:
    """Evaluate one model out of fold, on test cohorts, corrected and apparent, side by side."""
    outcome, final = finding.cohort.outcome, finding.final.models[name]
    honest = evaluate(
        outcome,
        finding.assessment.models[name],
        finding.at_days,
        settings,
        seen=final,
        patients=finding.cohort.table.patients,
    )
    apparent = evaluate(outcome, final, finding.at_days, settings, apparent=True)
    named = {"cohort": protocol.cohort_name(finding)}
    return (
        honest.model_copy(update=named),
        *protocol.held_out(finding, name, settings),
        *protocol.corrected(finding, name),
        apparent.model_copy(update=named),
    )


def _algorithm(finding: Finding, name: str) -> str:
    """Name what turns columns into the model's number."""
    top = finding.recipe.top(name)
    if top is not None:
        return f"{kind_of(top)} of out-of-fold scores"
    return kind_of(finding.recipe.scores[finding.recipe.models.sets[name][0]].model)


def _steps(recipe: Recipe, score: str) -> list[str]:
    """List all that is learned for one score, in order."""
    return [f"{score}: {kind}" for kind in protocol.steps_of(recipe, score)]


def _coefficients(finding: Finding, score: str, final: Final) -> list[shown.Coefficient]:
    """Show the weights of the fit on all cases, with how many folds chose the same column."""
    counts = finding.assessment.chosen[score]
    fits = len(finding.tasks)
    weights = final.coefficients[score]
    names = sorted(
        {*weights, *counts}, key=lambda n: (-counts[n], -abs(weights.get(n, 0.0)), str(n))
    )
    return [
        shown.Coefficient(
            name=f"{score}: {name.label}",
            estimate=shown.Estimate(value=weights[name]) if name in weights else None,
            effect="log odds or log hazard per unit",
            selected=counts[name] / fits,
        )
        for name in names[:30]
    ]


def _funnel(finding: Finding, score: str) -> list[shown.FunnelStep]:
    """Show how many columns every step left, over all fits."""
    counts = np.array(finding.assessment.funnels[score])
    labels = _steps(finding.recipe, score)
    return [
        shown.FunnelStep(
            step=label, columns_in=_spread(counts[:, at]), columns_out=_spread(counts[:, at + 1])
        )
        for at, label in enumerate(labels)
    ]


def _spread(counts: np.ndarray) -> shown.Spread:
    return shown.Spread(mean=counts.mean(), low=counts.min(), high=counts.max())


def _permutation(finding: Finding, model: str, null: np.ndarray) -> shown.Permutation:
    """Set the observed value against those on shuffled outcomes."""
    outcome = finding.cohort.outcome
    observed = finding.observed(model)
    above = int((null >= observed).sum())
    p = (above + 1) / (len(null) + 1)
    measure = measure_of(outcome)
    return shown.Permutation(
        model=model,
        measure=measure,
        null=null,
        observed=observed,
        p=p,
        sentence=f"{above} of {len(null)} whole runs on shuffled outcomes reached "
        f"the observed {measure} of {observed:.2f} (P = {p:.2f}).",
    )


def define(params: BinaryParams | SurvivalParams | CompetingParams) -> str:
    """Say in one sentence what an outcome is.

    Parameters
    ----------
    params : BinaryParams, SurvivalParams or CompetingParams
        As in the study file.
    """
    what = f"{params.event} = {params.event_level!r}"
    if isinstance(params, BinaryParams):
        if params.within_months is None:
            return f"Cases with {what}, against {', '.join(map(repr, params.other_levels))}."
        competing = (
            " Cases with a competing event count as without it." if params.competing_levels else ""
        )
        early = (
            "are excluded, never counted as without the event"
            if params.censored_early == "exclude"
            else "have weight 0 wherever an event by then counts, and those followed longer stand "
            "for them (inverse probability of censoring)"
        )
        return (
            f"{what} within {params.within_months:g} months ({params.time}, {params.unit}); cases "
            f"censored before that {early}.{competing}"
        )
    text = f"Time ({params.time}, {params.unit}) to {what}, censored at {params.censored_level!r}."
    if isinstance(params, CompetingParams):
        others = ", ".join(map(repr, params.competing_levels))
        text += f" Competing events: {others}; models are of the cause-specific hazard."
    return text
