# SPDX-License-Identifier: Apache-2.0
"""Show how the numbers came about: cohorts, optimism, controls, the order of papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.registry import kind_of
from hepacast.report import content as shown
from hepacast.report.content.outcome import Fit
from hepacast.run.parts.reread import LABEL
from hepacast.run.protocol.discrimination import as_estimate, discriminate, measure_of
from hepacast.run.protocol.evaluate import evaluate
from hepacast.run.settings.study import CLINICAL_ONLY, VOLUME_ONLY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.run.protocol.chain import Recipe
    from hepacast.run.protocol.finding import Finding
    from hepacast.run.protocol.held_out import HeldOut
    from hepacast.run.settings.control import PublishedParams
    from hepacast.run.settings.study import EvaluateParams

LEAKS_ABOVE = 0.55
"""Mean of a chance-only AUC or C above which something leaks."""
DEVELOPMENT = "development"
"""Name of the cohort that is cross-validated, where there are others."""


def cohort_name(finding: Finding) -> str:
    """Name the cohort that is cross-validated."""
    return DEVELOPMENT if finding.tests else "all cases"


def held_out(finding: Finding, name: str, settings: EvaluateParams) -> tuple[shown.Evaluation, ...]:
    """Evaluate one model on test cohorts and on centres left out."""
    found = []
    for one in (*finding.centres, *finding.tests):
        seen = evaluate(one.cohort.outcome, one.models[name], finding.at_days, settings)
        found.append(seen.model_copy(update={"cohort": one.name, "scope": one.scope}))
    return tuple(found)


def corrected(finding: Finding, name: str) -> tuple[shown.Evaluation, ...]:
    """Show the apparent result corrected by the bootstrap; nothing where it was not asked for."""
    found = finding.corrected.get(name)
    if found is None:
        return ()
    apparent = as_estimate(discriminate(finding.cohort.outcome, finding.final.models[name]))
    times = f"{found.resamples} bootstrap resamples"
    limits = [None if x is None else x - found.optimism for x in (apparent.low, apparent.high)]
    rest = shown.Metric(
        name=f"{measure_of(finding.cohort.outcome)}, .632+",
        estimate=shown.Estimate(value=found.point632plus, method=f".632+, {times}"),
    )
    return (
        shown.Evaluation(
            cohort=cohort_name(finding),
            scope="corrected",
            n=len(finding.cohort),
            events=int(finding.cohort.outcome.event.sum()),
            measure=measure_of(finding.cohort.outcome),
            discrimination=shown.Estimate(
                value=found.harrell,
                low=limits[0],
                high=limits[1],
                method=f"Harrell, {times}; the apparent interval, moved (Noma 2021)",
            ),
            metrics=(rest,),
        ),
    )


def seeds(finding: Finding) -> tuple[shown.Seeds, ...]:
    """Show what every model reaches on single divisions."""
    return tuple(
        shown.Seeds(
            model=name,
            measure=measure_of(finding.cohort.outcome),
            values=values,
            mean=values.mean(),
            low=np.quantile(values, 0.025),
            high=np.quantile(values, 0.975),
        )
        for name, values in finding.seeds.items()
        if len(values)
    )


def controls(finding: Finding) -> tuple[shown.Control, ...]:
    """Show the outcome of every control, model by model."""
    measure = measure_of(finding.cohort.outcome)
    found = []
    for name, null in finding.shuffles.items():
        if not len(null):
            continue
        observed = finding.observed(name)
        above = int((null >= observed).sum())
        found.append(
            shown.Control(
                name="permuted labels",
                model=name,
                measure=measure,
                value=null.mean(),
                values=null,
                observed=observed,
                expected="a mean of 0.5",
                verdict=_verdict(finding, null),
                sentence=f"P = {(above + 1) / (len(null) + 1):.3f}: {above} of {len(null)} "
                "shuffles reached the real result.",
            )
        )
    found += _noise(finding)
    found += [
        shown.Control(
            name="shuffled voxels",
            model=name,
            measure=measure,
            value=value,
            values=(value,),
            observed=finding.observed(name),
            expected="what size and histogram reach",
            verdict="to be judged",
            sentence="Voxels dealt anew within each region: a model that does as well uses no "
            "texture.",
        )
        for name, value in finding.shuffled.items()
        if finding.roles[name] == "candidate"
    ]
    found += [one for name in (VOLUME_ONLY, CLINICAL_ONLY) for one in _alone(finding, name)]
    return tuple(found)


def _noise(finding: Finding) -> list[shown.Control]:
    """Show what noise in place of the measured columns reaches."""
    found = []
    for name, values in finding.noise.items():
        if not len(values):
            continue
        members = finding.recipe.models.sets[name]
        pure = all(finding.recipe.scores[one].from_ != ("clinical",) for one in members)
        found.append(
            shown.Control(
                name="random features",
                model=name,
                measure=measure_of(finding.cohort.outcome),
                value=values.mean(),
                values=values,
                observed=finding.observed(name),
                expected="a mean of 0.5" if pure else "what the clinical columns reach",
                verdict=_verdict(finding, values) if pure else "to be judged",
                sentence="Every measured column replaced by noise.",
            )
        )
    return found


def _alone(finding: Finding, baseline: str) -> list[shown.Control]:
    """Set every candidate against a baseline: what adds nothing to it is that in disguise."""
    if baseline not in finding.assessment.models:
        return []
    value = finding.observed(baseline)
    best = max(
        (finding.observed(n) for n, role in finding.roles.items() if role == "candidate"),
        default=None,
    )
    return [
        shown.Control(
            name=baseline.replace("-", " "),
            model="all candidates",
            measure=measure_of(finding.cohort.outcome),
            value=value,
            observed=best,
            expected="below the candidates",
            verdict="to be judged",
            sentence="Observed is the highest candidate; comparisons hold the intervals.",
        )
    ]


def _verdict(finding: Finding, values: np.ndarray) -> str:
    """Judge the mean of runs that only chance can help; few runs and cases give a wide margin."""
    outcome = finding.cohort.outcome
    events = int(outcome.event.sum())
    others = max(len(outcome) - events, 1)
    # Of the AUC where nothing is known (Mann-Whitney); good enough for a C index, too.
    error = ((events + others + 1) / (12 * events * others) / len(values)) ** 0.5
    return "failed" if values.mean() > max(LEAKS_ABOVE, 0.5 + 3 * error) else "passed"


def certificate(finding: Finding) -> tuple[Fit, ...]:
    """List every fit that scored patients, with what was fitted on whom."""
    objects = objects_of(finding.recipe)
    rows = [
        Fit(name=key, seen=seen, scored=scored, objects=objects)
        for key, seen, scored in finding.assessment.certificate
    ]
    rows += [
        Fit(
            name=one.name,
            seen=one.seen,
            scored=len(set(one.cohort.table.patients)),
            objects=objects,
        )
        for one in (*finding.centres, *finding.tests)
    ]
    return tuple(rows)


def objects_of(recipe: Recipe) -> str:
    """List all that learns from the patients of one fit."""
    parts = [f"{name} ({', '.join(steps_of(recipe, name))})" for name in recipe.scores]
    tops = {kind_of(top) for name in recipe.models.sets if (top := recipe.top(name)) is not None}
    weighed = f"; weights of several scores ({', '.join(sorted(tops))})" if tops else ""
    return f"{'; '.join(parts)}{weighed}; cut-offs"


def steps_of(recipe: Recipe, score: str) -> list[str]:
    """List the kinds of all that is learned for one score, in order."""
    spec = recipe.scores[score]
    again = [LABEL] if recipe.rechecked(score) else []
    return [*again, *map(kind_of, (*spec.steps, spec.model))]


def published(finding: Finding, params: PublishedParams) -> tuple[shown.Published, ...]:
    """Set the usual order of papers beside the strict one, model by model, cohort by cohort."""
    found = finding.published
    if found is None:
        return ()
    outcome, rows = finding.cohort.outcome, []
    tests = {one.name: one for one in finding.tests}
    for name in finding.recipe.models.sets:
        merit = discriminate(outcome, finding.final.models[name]).estimate
        units = np.array(finding.cohort.table.patients)
        model = finding.assessment.models[name]
        strict = discriminate(outcome, model, apparent=merit, units=units)
        loose = discriminate(outcome, found.models[name])
        both = as_estimate(strict), as_estimate(loose)
        rows.append(_row(finding, (name, cohort_name(finding)), both, params.printed))
        pairs = [(tests[one.name], one) for one in found.tests]
        rows += [_tested(finding, name, pair, params.printed) for pair in pairs]
    return tuple(rows)


def _tested(
    finding: Finding,
    name: str,
    both: tuple[HeldOut, HeldOut],
    printed: Mapping[str, Mapping[str, float]],
) -> shown.Published:
    """Set both orders beside each other on one test cohort."""
    first, second = (
        as_estimate(discriminate(one.cohort.outcome, one.models[name])) for one in both
    )
    return _row(finding, (name, both[0].name), (first, second), printed)


def _row(
    finding: Finding,
    place: tuple[str, str],
    both: tuple[shown.Estimate, shown.Estimate],
    printed: Mapping[str, Mapping[str, float]],
) -> shown.Published:
    """Fill one line; a paper's figure is looked up under the outcome's name, too."""
    model, cohort = place
    strict, loose = both
    paper = printed.get(f"{finding.name}/{model}", printed.get(model, {}))
    gap = None
    if strict.value is not None and loose.value is not None:
        gap = loose.value - strict.value
    return shown.Published(
        model=model,
        cohort=cohort,
        measure=measure_of(finding.cohort.outcome),
        strict=strict,
        optimistic=loose,
        optimism=gap,
        printed=paper.get(cohort),
    )


def winner(finding: Finding) -> str:
    """Say what the best model, chosen where it is judged, would have printed."""
    best = finding.published.winner if finding.published else None
    if best is None:
        return ""
    honest = finding.observed(best.model)
    return (
        f"Choosing the best of {best.among} values where it is judged gives {best.model} with "
        f"{measure_of(finding.cohort.outcome)} {best.value:.2f} ({best.where}); strictly "
        f"cross-validated on the development cohort the same model reaches {honest:.2f}."
    )
