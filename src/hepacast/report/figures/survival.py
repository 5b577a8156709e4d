# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier curves and cumulative incidences, with the numbers at risk below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from hepacast.report.figures.hover import Hover, Series
from hepacast.report.figures.pick import OUT_OF_FOLD, View
from hepacast.report.figures.style import (
    COLOURS,
    DASHES,
    HIGH,
    LOW,
    SINGLE_IN,
    Drawing,
    clip,
    styled,
)
from hepacast.report.wording import months, number, p_equals, slug, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hepacast.report.content import (
        Estimate,
        OutcomeReport,
        Strata,
        SurvivalCurve,
        Survivals,
    )

_GROUPS = {1: (COLOURS[6],), 2: (LOW, HIGH), 3: (LOW, COLOURS[5], HIGH)}


def draw_overall(outcome: OutcomeReport) -> Drawing | None:
    """Draw the curve of all cases of an outcome, or return None if there is none."""
    if outcome.overall is None or not outcome.overall.curves:
        return None
    follow = outcome.followup_months
    caption = f"{_kind(outcome.overall)} of {outcome.phrase}, all cases"
    caption += f" (n = {outcome.n}, {outcome.events} events)."
    if follow is not None and follow.value is not None:
        caption += f" Median follow-up {number(follow.value, 1)} months"
        caption += f" ({follow.method})." if follow.method else "."
    caption += " Band: 95 % pointwise interval; ticks: censoring."
    figure = _draw(outcome.overall)
    name = f"{slug(outcome.name)}-overall"
    return Drawing(name, outcome.heading, caption, figure, _hover(outcome.overall))


def _hover(shown: Survivals) -> tuple[Hover, ...]:
    """Read every curve at a time."""
    curves = [Series(one.label, one.time_months, one.survival) for one in shown.curves]
    return (Hover("Months", "share", tuple(curves), "step"),)


def draw_risk_groups(outcome: OutcomeReport, view: View = OUT_OF_FOLD) -> list[Drawing]:
    """Draw, for each model that has risk groups on those patients, their curves."""
    found = []
    for model in outcome.models:
        seen = view.of(model)
        if seen is None or seen.risk_groups is None or not seen.risk_groups.curves:
            continue
        groups = seen.risk_groups
        caption = f"{_kind(groups)} by risk group of {model.name}, {view.words}. "
        caption += " ".join(filter(None, [_test(groups), _cut(groups)]))
        name = f"{slug(outcome.name)}-{slug(model.name)}-groups-{view.slug}"
        title = f"Risk groups: {model.name}"
        found.append(Drawing(name, title, caption, _draw(groups), _hover(groups)))
    return found


def draw_classes(strata: Strata) -> Drawing | None:
    """Draw the curves of the classes of one cohort, or return None if there are none."""
    if not strata.curves.curves:
        return None
    caption = f"{_kind(strata.curves)} of {strata.outcome} by class of predicted risk, "
    caption += f"{strata.cohort}. {_test(strata.curves)} Band: 95 % pointwise interval."
    name = f"classes-{slug(strata.cohort)}"
    drawn = _draw(strata.curves)
    return Drawing(name, f"Classes: {strata.cohort}", caption, drawn, _hover(strata.curves))


def _kind(shown: Survivals) -> str:
    """Name the estimator."""
    return "Cumulative incidence" if shown.incidence else "Kaplan-Meier estimate"


def _test(groups: Survivals) -> str:
    """Say the test and the hazard ratio."""
    parts = []
    if groups.logrank_p is not None:
        parts.append(f"{groups.method or 'log-rank'} P {p_equals(groups.logrank_p)}")
    if groups.hazard_ratio is not None:
        parts.append(f"hazard ratio {with_interval(groups.hazard_ratio)}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _cut(groups: Survivals) -> str:
    """Say how the groups were told apart."""
    cut = groups.cut
    if cut is None:
        return ""
    where = f", fitted on the {cut.fitted_on}" if cut.fitted_on else ""
    value = f" of {number(cut.value)}" if cut.value is not None else ""
    return f"Groups divided at a cut-off{value} ({cut.rule or 'rule not stated'}{where})."


def _draw(shown: Survivals) -> Figure:
    """Draw curves above, numbers at risk below."""
    rows = len(shown.curves) if shown.ticks_months else 0
    with styled():
        figure = Figure(
            figsize=(
                SINGLE_IN,
                2.55
                + 0.19 * (rows + 1.4)
                + 0.17 * (len(shown.curves) > 1) * (len(shown.curves) + 1),
            )
        )
        ratios = [2.55, 0.19 * (rows + 0.6)] if rows else [2.55]
        panels = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)
        top = panels[0, 0]
        colours = _GROUPS.get(len(shown.curves), COLOURS)
        for index, curve in enumerate(shown.curves):
            _curve(
                top,
                curve,
                colours[index % len(colours)],
                DASHES[index % len(DASHES)],
                1.0 - shown.incidence,
            )
        _axis(top, shown)
        if rows:
            _at_risk(panels[1, 0], shown, colours)
            top.tick_params(labelbottom=True)
            top.set_xlabel("Months")
    return figure


def _axis(axes: Axes, shown: Survivals) -> None:
    """Set range, ticks, labels, legend and the test's P value."""
    label = "Cumulative incidence" if shown.incidence else "Share without the event"
    axes.set(ylim=(-0.02, 1.03), ylabel=label, xlabel="Months", yticks=[0, 0.25, 0.5, 0.75, 1])
    if shown.ticks_months:
        axes.set_xticks([tick for tick in shown.ticks_months if tick is not None])
    axes.set_xlim(0, None)
    if len(shown.curves) > 1 and axes.figure is not None:
        # Above the axes: inside, some cohort's curves would run through it.
        axes.figure.legend(
            *axes.get_legend_handles_labels(),
            loc="outside upper left",
            title=_words(shown) or None,
            alignment="left",
        )


def _words(shown: Survivals) -> str:
    """Write the test and the hazard ratio for the legend."""
    text = [f"{shown.method} P {p_equals(shown.logrank_p)}"] if shown.logrank_p else []
    if shown.hazard_ratio is not None:
        text.append(f"HR {with_interval(shown.hazard_ratio)}")
    words = "; ".join(text)
    return words[:1].upper() + words[1:]


def _curve(axes: Axes, curve: SurvivalCurve, colour: str, dash: object, start: float) -> None:
    """Draw one step curve from its start at time 0, with band, censoring ticks and a label."""
    time, level = np.array(curve.time_months, float), np.array(curve.survival, float)
    if time.size == 0 or level.size != time.size:
        return
    low, high = (np.array(side, float) for side in (curve.low, curve.high))
    if time[0] > 0:
        time, level = np.insert(time, 0, 0.0), np.insert(level, 0, start)
        low, high = (np.insert(side, 0, start) if side.size else side for side in (low, high))
    last = max([time[-1], *(at for at in curve.censored_months if at is not None)])
    steps = np.append(time, last)
    label = f"{clip(curve.label, 28)} ({curve.events}/{curve.n}{_median(curve.median_months)})"
    axes.step(steps, np.append(level, level[-1]), where="post", color=colour, ls=dash, label=label)
    if low.size and high.size:
        axes.fill_between(
            steps,
            np.append(low, low[-1]),
            np.append(high, high[-1]),
            step="post",
            color=colour,
            alpha=0.13,
            lw=0,
        )
    ticks = np.array(curve.censored_months, float)
    at = level[np.clip(np.searchsorted(time, ticks, side="right") - 1, 0, None)]
    axes.plot(ticks, at, "|", color=colour, ms=4, mew=0.6)


def _median(median: Estimate | None) -> str:
    """Add the median to a label, where the curve reached it."""
    return "" if median is None or median.value is None else f", median {months(median.value)}"


def _at_risk(axes: Axes, shown: Survivals, colours: tuple[str, ...]) -> None:
    """Print the table below the curves, aligned to the ticks."""
    axes.set(ylim=(-len(shown.curves) + 0.4, 1.0), yticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelbottom=False)
    axes.set_title("At risk", fontsize=7.2, fontweight="normal", pad=1)
    for row, curve in enumerate(shown.curves):
        # The curve's own dashes, not its colour alone: a print in grey has no colours.
        axes.plot(
            (-0.12, -0.05), (-row, -row), transform=axes.get_yaxis_transform(), clip_on=False,
            color=colours[row % len(colours)], ls=DASHES[row % len(DASHES)],
        )  # fmt: skip
        for tick, count in zip(shown.ticks_months, curve.at_risk, strict=False):
            axes.text(tick or 0, -row, str(count), ha="center", va="center", fontsize=7.2)
