# SPDX-License-Identifier: Apache-2.0
"""The page of an external validation: all that is on it is in the figures beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hepacast.report.figures.style import HIGH, LOW, REST, Drawing, canvas, styled, unit_axis
from hepacast.report.figures.svg import inline_svg

if TYPE_CHECKING:
    from hepacast.report.returned import Limits, Returned


def print_returned(one: Returned) -> str:
    """Print figures as one HTML file without scripts, which opens offline.

    Parameters
    ----------
    one : Returned
        Aggregate figures.
    """
    environment = Environment(
        loader=PackageLoader("hepacast.report"), autoescape=True, undefined=StrictUndefined
    )
    drawings = [found for found in (_curves(one), _calibration(one), _decision(one)) if found]
    return environment.get_template("returned.html.j2").render(
        one=one,
        facts=_facts(one),
        merits=_merits(one),
        limits=_text,
        # Our own drawing: every name in it is escaped by the writer of SVG.
        drawings=[(d, Markup(inline_svg(d, f"d{at}"))) for at, d in enumerate(drawings)],  # noqa: S704
    )


def _text(found: Limits) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _count(count: int | None) -> str:
    return "fewer than 5" if count is None else f"{count}"


def _facts(one: Returned) -> list[tuple[str, str]]:
    when = "" if one.at_days is None else f" within {one.at_days:.0f} days"
    by = "" if one.at_days is None else " by then"
    return [
        ("Predictor", f"{one.predictor}, sha256 {one.digest}"),
        ("Forecast", f"{one.outcome}{when}, by the model {one.model}"),
        ("Made", f"{one.day}, hepacast {one.software}"),
        ("Patients scored", f"{one.n}, {one.events} with the event{by}"),
        ("Not scored", _count(one.not_scored)),
        ("Without known outcome", _count(one.without_outcome)),
        ("Outside the range of training", _count(one.outside)),
        ("Predicted risk", f"mean {one.risk_mean:.3f}, standard deviation {one.risk_sd:.3f}"),
    ]


def _merits(one: Returned) -> list[tuple[str, str]]:
    merits = [(f"{one.measure} (0.5 is chance)", _text(one.discrimination))]
    for name, found in (
        ("Calibration slope (1 is ideal)", one.slope),
        ("Calibration in the large (0 is ideal)", one.in_the_large),
        ("Observed over expected events (1 is ideal)", one.observed_expected),
    ):
        if found is not None:
            merits.append((name, _text(found)))
    for name, value in (("Brier score", one.brier), ("Integrated calibration index", one.ici)):
        if value is not None:
            merits.append((name, f"{value:.3f}"))
    return merits


def _curves(one: Returned) -> Drawing | None:
    """Draw the ROC curve, or survival by risk group."""
    if one.measure == "AUC":
        return _roc(one)
    groups = [group for group in one.groups if group.months]
    if not groups:
        return None
    with styled():
        figure, axes = canvas()
        for group in groups:
            colour = LOW if group.group == "low risk" else HIGH
            label = f"{group.group} (n = {group.n})"
            axes.plot(group.months, group.survival, color=colour, marker="o", ms=3, label=label)
        axes.set(xlabel="Months", xlim=(0, None))
        unit_axis(axes, "Without the event", "y")
        axes.legend(loc="lower left")
    caption = "Kaplan-Meier estimates at round months between which enough patients left."
    return Drawing("survival", "Survival by risk group", caption, figure)


def _roc(one: Returned) -> Drawing:
    with styled():
        figure, axes = canvas()
        axes.plot([0, 1], [0, 1], color=REST, lw=0.9, linestyle=(0, (3, 2)))
        points = sorted((1 - point.specificity, point.sensitivity) for point in one.roc)
        x, y = zip((0.0, 0.0), *points, (1.0, 1.0), strict=True)
        axes.plot(x, y, color=LOW, marker="o", ms=3)
        unit_axis(axes, "1 - specificity")
        unit_axis(axes, "Sensitivity", "y")
    caption = "Sensitivity and specificity at the bounds of the bands, joined by straight lines."
    return Drawing("roc", "ROC curve", caption, figure)


def _calibration(one: Returned) -> Drawing:
    with styled():
        figure, axes = canvas()
        axes.plot([0, 1], [0, 1], color=REST, lw=0.9, linestyle=(0, (3, 2)))
        x = [band.predicted for band in one.bands]
        y = [band.observed.value for band in one.bands]
        axes.vlines(
            x,
            [band.observed.low for band in one.bands],
            [band.observed.high for band in one.bands],
            color=LOW,
            lw=1,
        )
        axes.plot(x, y, "o", color=LOW, ms=4)
        if one.smooth:
            axes.plot(*zip(*one.smooth, strict=True), color=HIGH, lw=1)
        unit_axis(axes, "Predicted risk")
        unit_axis(axes, "Observed risk", "y")
    caption = "Points: bands of predicted risk with 95 % limits. Line: smooth curve."
    return Drawing("calibration", "Calibration", caption, figure)


def _decision(one: Returned) -> Drawing | None:
    if not one.decision:
        return None
    with styled():
        figure, axes = canvas()
        x = [point.threshold for point in one.decision]
        model = [point.model for point in one.decision]
        everybody = [point.treat_all for point in one.decision]
        axes.axhline(0, color="#1D232C", lw=0.9, label="Act on nobody")
        axes.plot(x, everybody, color=REST, marker="o", ms=2, lw=1, label="Act on everybody")
        axes.plot(x, model, color=LOW, marker="o", ms=3, label="Act on the model")
        top = max(0.02, *model, *everybody)
        axes.set(xlabel="Threshold probability", ylabel="Net benefit", xlim=(0, 1))
        # Acting on all falls without bound; what lies far below zero is of no use to anybody.
        axes.set_ylim(-0.25 * top, 1.15 * top)
        axes.legend(loc="best")
    caption = "Net benefit at the bounds of the bands of predicted risk."
    return Drawing("decision", "Decision curve", caption, figure)
