# SPDX-License-Identifier: Apache-2.0
"""One end point: its definition, its models, their curves, their controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import (
    Block,
    Calculator,
    Details,
    Heading,
    Section,
    Table,
    Text,
    figures,
)
from hepacast.report.figures.calibration import draw_calibrations
from hepacast.report.figures.decision import draw_decision
from hepacast.report.figures.forest import draw_coefficients, draw_subgroups, draw_truth
from hepacast.report.figures.nomogram import draw_nomogram
from hepacast.report.figures.over_time import draw_over_time
from hepacast.report.figures.permutation import draw_permutations
from hepacast.report.figures.pick import View, featured, views
from hepacast.report.figures.reclassification import draw_reclassification
from hepacast.report.figures.roc import draw_roc
from hepacast.report.figures.selection import draw_frequency, draw_funnel
from hepacast.report.figures.survival import draw_overall, draw_risk_groups
from hepacast.report.figures.waterfall import draw_waterfall
from hepacast.report.sections.protocol import both_orders, cohorts, seeds
from hepacast.report.sections.summary import anchor
from hepacast.report.sheets import Cell, Column, Sheet
from hepacast.report.wording import SCOPES, column_label, months, slug, with_range

if TYPE_CHECKING:
    from hepacast.report.content import Estimate, Evaluation, Model, OutcomeReport
    from hepacast.report.figures.style import Drawing


_MOST_PAIRS = 60


def outcome_section(outcome: OutcomeReport) -> Section:
    """Make the section of one outcome."""
    here = anchor(outcome)
    blocks: list[Block] = [Text(_definition(outcome))]
    blocks += figures(draw_overall(outcome))
    if outcome.models:
        blocks += [Heading("Performance", f"{here}-performance"), Table(performance(outcome))]
        blocks += _cohorts(outcome)
    drawn = featured(outcome)
    if drawn is not outcome:
        blocks.append(Text(_chosen(outcome, drawn)))
    seen = views(outcome)
    for view in seen:
        if len(seen) > 1:
            title = view.words[:1].upper() + view.words[1:]
            blocks.append(Heading(title, f"{here}-{slug(view.slug)}"))
        blocks += _curves(drawn, view)
    if outcome.comparisons:
        blocks += [Heading("Comparisons", f"{here}-comparisons"), *_compared(outcome)]
        blocks += figures(*_reclassified(outcome))
    if outcome.permutations or outcome.truth:
        blocks.append(Heading("Controls", f"{here}-controls"))
        blocks += figures(draw_permutations(outcome), draw_truth(outcome))
        tables = (permutations(outcome), truth(outcome))
        blocks += [Table(sheet) for sheet in tables if sheet.rows]
    for model in drawn.models:
        blocks += _model(outcome, model)
    return Section(here, outcome.heading, tuple(blocks))


def _chosen(outcome: OutcomeReport, drawn: OutcomeReport) -> str:
    """Say whose curves are drawn, and that nobody chose them by their results."""
    return (
        f"Curves are drawn for {len(drawn.models)} of {len(outcome.models)} models: the first of "
        "every combination of scores in the study file's order, baselines, and models that a "
        "paper prints a figure for. Tables and forest plots hold all models; result.json holds "
        "the curves of all."
    )


def _cohorts(outcome: OutcomeReport) -> list[Block]:
    """Set cohorts, single divisions and both orders beside each other, where there are several."""
    here = anchor(outcome)
    blocks: list[Block] = []
    if len({(s.scope, s.cohort) for m in outcome.models for s in m.evaluations}) > 2:
        blocks += [Heading("Cohorts", f"{here}-cohorts"), Table(cohorts(outcome))]
    if outcome.seeds:
        blocks += [Heading("Seeds", f"{here}-seeds"), Table(seeds(outcome))]
    orders = both_orders(outcome)
    if orders:
        blocks += [Heading("As published", f"{here}-as-published"), *orders]
    return blocks


def _curves(outcome: OutcomeReport, view: View) -> list[Block]:
    """Draw the curves of all models on some patients."""
    groups = [
        figures(draw_roc(outcome, view), draw_decision(outcome, view)),
        figures(*draw_calibrations(outcome, view)),
        figures(*draw_over_time(outcome, view)),
        figures(*draw_risk_groups(outcome, view)),
    ]
    return [block for group in groups for block in group]


def _reclassified(outcome: OutcomeReport) -> list[Drawing | None]:
    """Draw who moves, for every pair whose reclassification was measured."""
    models = {model.name: model for model in outcome.models}
    wanted = [
        (one.model_b, one.model_a)
        for one in outcome.comparisons
        if ("NRI" in one.measure or "IDI" in one.measure)
        and {one.model_a, one.model_b} <= models.keys()
    ]
    return [
        draw_reclassification(outcome, (models[first], models[second]))
        for first, second in dict.fromkeys(wanted)
    ]


def _definition(outcome: OutcomeReport) -> str:
    """Say what counts as the event, and how often it happened."""
    parts = [outcome.definition, f"{outcome.events} events in {outcome.n} cases."]
    if outcome.horizon_months is not None:
        parts.append(f"Probabilities are about {months(outcome.horizon_months)} months.")
    return " ".join(filter(None, parts))


def performance(outcome: OutcomeReport) -> Sheet:
    """Tabulate every model in every set of patients, with every metric that any of them has."""
    seen = [(model, one) for model in outcome.models for one in model.evaluations]
    extra = list(dict.fromkeys(metric.name for _, one in seen for metric in one.metrics))
    measures = list(dict.fromkeys(one.measure for _, one in seen))
    rows = [_performance(model, one, measures, extra) for model, one in seen]
    names = ("Model", "Patients", "Scored how", "n", "Events", *measures)
    columns = (*names, "Calibration slope", "Intercept", "Brier score", *extra)
    return Sheet(
        f"{slug(outcome.name)}-performance",
        f"Performance for {outcome.phrase}",
        tuple(map(Column, columns)),
        tuple(rows),
        "Estimates with 95 % intervals. Slope 1, intercept 0 and a low Brier score are ideal.",
    )


def _performance(
    model: Model, seen: Evaluation, measures: list[str], extra: list[str]
) -> tuple[Cell, ...]:
    """Tabulate one model in one set of patients."""
    found = seen.calibration
    values: dict[str, Estimate] = {one.name: one.estimate for one in seen.metrics}
    main = [seen.discrimination if seen.measure == name else None for name in measures]
    numbers = (None,) * 3 if found is None else (found.slope, found.intercept, found.brier)
    start = (model.name, seen.cohort, SCOPES[seen.scope], seen.n, seen.events)
    return (*start, *main, *numbers, *(values.get(name) for name in extra))


def _compared(outcome: OutcomeReport) -> list[Block]:
    """Show the pairs of models; so many that nobody reads them all are folded away."""
    table = Table(comparisons(outcome))
    many = len(table.sheet.rows)
    if many <= _MOST_PAIRS:
        return [table]
    # On paper nothing can be opened: there this sentence stands alone.
    where = f"The {many} pairs of models stand in the page and in tables/, not on paper."
    return [Text(where), Details(f"All {many} pairs of models", (table,))]


def comparisons(outcome: OutcomeReport) -> Sheet:
    """Tabulate the pairs of models."""
    fields = "model_a", "model_b", "measure", "difference", "p", "p_adjusted", "method", "cohort"
    rows = [tuple(getattr(one, field) for field in fields) for one in outcome.comparisons]
    columns = (
        Column("Model"), Column("minus"), Column("Measure"), Column("Difference", digits=3),
        Column("P", p=True), Column("P adjusted", p=True), Column("Method"), Column("Patients"),
    )  # fmt: skip
    return Sheet(f"{slug(outcome.name)}-comparisons", "Models compared", columns, tuple(rows))


def permutations(outcome: OutcomeReport) -> Sheet:
    """Tabulate what the procedure reaches on shuffled outcomes."""
    rows = []
    for one in outcome.permutations:
        null = sorted(value for value in one.null if value is not None)
        mean = sum(null) / len(null) if null else None
        most = null[-1] if null else None
        start = (one.name, one.model, one.measure, len(null), mean, most)
        rows.append((*start, one.observed, one.p, one.sentence))
    labels = ("Control", "Model", "Measure", "Shuffles", "Mean", "Most", "Observed")
    columns = (*map(Column, labels), Column("P", p=True), Column("In words"))
    name = f"{slug(outcome.name)}-permutations"
    return Sheet(name, "What pure chance reaches", columns, tuple(rows))


def truth(outcome: OutcomeReport) -> Sheet:
    """Tabulate truth beside estimate."""
    rows = [(one.name, one.true, one.estimate, one.covered) for one in outcome.truth]
    columns = (Column("Quantity"), Column("True", 3), Column("Estimate", 3), Column("Covered"))
    return Sheet(f"{slug(outcome.name)}-truth", "Truth beside estimate", columns, tuple(rows))


def _model(outcome: OutcomeReport, model: Model) -> list[Block]:
    """Make the part about one model."""
    here = f"{anchor(outcome)}-{slug(model.name)}"
    blocks: list[Block] = [Heading(model.name, here)]
    parts = [
        f"Role: {model.role}.",
        f"What goes in: {', '.join(model.ingredients)}." if model.ingredients else "",
        f"Algorithm: {model.algorithm}." if model.algorithm else "",
        f"Learned again in every fold: {', then '.join(model.steps)}." if model.steps else "",
    ]
    blocks.append(Text(" ".join(filter(None, parts))))
    blocks += figures(draw_funnel(outcome, model), draw_frequency(outcome, model))
    blocks += figures(draw_coefficients(outcome, model), draw_subgroups(outcome, model))
    blocks += figures(draw_nomogram(outcome, model))
    if model.equation is not None:
        blocks.append(Calculator(f"Calculator: {model.name}", model.equation))
    blocks += figures(*(draw_waterfall(outcome, model, view) for view in views(outcome)[:1]))
    sheets = [one for one in model_sheets(outcome, model) if one.rows]
    blocks += [Details(one.title, (Table(one),)) for one in sheets]
    return blocks


def model_sheets(outcome: OutcomeReport, model: Model) -> list[Sheet]:
    """Tabulate a model's coefficients, selection steps and scores."""
    name = f"{slug(outcome.name)}-{slug(model.name)}"
    return [_coefficients(name, model), _funnel(name, model), *_scores(name, model)]


def _coefficients(name: str, model: Model) -> Sheet:
    """Tabulate the columns a model uses."""
    rows = [
        (column_label(one.name), one.name, one.effect, one.estimate, one.p, one.selected)
        for one in model.coefficients
    ]
    columns = (
        Column("Column"), Column("Full name"), Column("Effect"), Column("Estimate", 3),
        Column("P", p=True), Column("Share of folds"),
    )  # fmt: skip
    return Sheet(f"{name}-coefficients", f"Columns of {model.name}", columns, tuple(rows))


def _funnel(name: str, model: Model) -> Sheet:
    """Tabulate the selection steps."""
    rows = [
        (one.step, with_range(one.columns_in), with_range(one.columns_out)) for one in model.funnel
    ]
    columns = tuple(map(Column, ("Step", "Columns in", "Columns out")))
    note = "Mean over the folds (least to most)."
    return Sheet(
        f"{name}-selection", f"Selection steps of {model.name}", columns, tuple(rows), note
    )


def _scores(name: str, model: Model) -> list[Sheet]:
    """Tabulate the scores of the cases, a table per set of patients that lists them."""
    labels = ("Case", "Score", "Probability", "Event", "Months", "Risk group", "Fold")
    columns = tuple(Column(label, 3) for label in labels)
    found = []
    for seen in model.evaluations:
        rows = tuple(
            (one.case, one.score, one.probability, one.event, one.time_months, one.group, one.fold)
            for one in seen.cases
        )
        title = f"Scores of {model.name}, {SCOPES[seen.scope]} ({seen.cohort})"
        file = f"{name}-scores-{slug(seen.cohort)}-{seen.scope}"
        found.append(Sheet(file, title, columns, rows))
    return found
