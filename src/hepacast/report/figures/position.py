# SPDX-License-Identifier: Apache-2.0
"""Where one case stands among all others, and what moves its risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from hepacast.report.figures.pick import OUT_OF_FOLD, View
from hepacast.report.figures.style import DOUBLE_IN, HIGH, LOW, REST, Drawing, clip, styled
from hepacast.report.wording import column_label, number, slug

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.report.content import CaseScore, Equation, Model, OutcomeReport


def draw_position(outcome: OutcomeReport, case: str, view: View = OUT_OF_FOLD) -> Drawing | None:
    """Draw a row per model: a tick for every case's probability, a diamond for this one.

    Returns
    -------
    Drawing or None
        None where no model gave this case a probability.
    """
    rows = [(model, known) for model in outcome.models if case in (known := risks(model, view))]
    if not rows:
        return None
    with styled():
        figure = Figure(figsize=(DOUBLE_IN, 0.75 + 0.34 * len(rows)))
        axes = figure.add_subplot()
        kinds = ((True, HIGH, -0.13), (False, LOW, 0.13), (None, REST, 0.0))
        for row, (_, known) in enumerate(rows):
            for happened, colour, shift in kinds:
                x = [one.probability for one in known.values() if one.event is happened]
                y = np.full(len(x), row + shift)
                axes.plot(np.array(x, float), y, "|", color=colour, ms=6, mew=0.8, alpha=0.6)
            here = np.array([known[case].probability], float)
            axes.plot(here, [row], "D", ms=7, mfc="white", mec="black", mew=1.4)
        axes.set_yticks(range(len(rows)), [clip(model.name, 30) for model, _ in rows])
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-0.01, 1.01), xlabel="Probability")
    caption = (
        f"Probability of {outcome.event}, {view.words}: this case (diamond) among all cases with "
        "(orange, above) and without the event (blue, below)."
    )
    name = f"{slug(case)}-{slug(outcome.name)}-position"
    return Drawing(name, f"Position in the cohort: {outcome.heading}", caption, figure)


def risks(model: Model, view: View = OUT_OF_FOLD) -> dict[str, CaseScore]:
    """Return the scored cases of a model that have a probability, by case id."""
    seen = view.of(model)
    cases = () if seen is None else seen.cases
    return {one.case: one for one in cases if one.probability is not None}


def contributions(
    equation: Equation, values: Mapping[str, float]
) -> list[tuple[str, float, float]]:
    """Split a linear predictor into what each variable adds to that of a usual case.

    Parameters
    ----------
    equation : Equation
        The model; terms without a usual value take the middle of their range.
    values : mapping of str to float
        Values of the case by column name.

    Returns
    -------
    list of (name, value, addition)
        Largest addition first; log odds or log hazard.  Empty if a value is missing.

    Examples
    --------
    >>> from hepacast.report.content import Equation, Term
    >>> size = Term(name="size", coefficient=0.5, low=1, high=5, usual=2)
    >>> contributions(Equation(kind="logistic", terms=(size,)), {"size": 4.0})
    [('size', 4.0, 1.0)]
    """
    if any(one.name not in values for one in equation.terms):
        return []
    found = []
    for one in equation.terms:
        usual = (one.low + one.high) / 2 if one.usual is None else one.usual
        value = values[one.name]
        found.append((one.label or one.name, value, one.coefficient * (value - usual)))
    return sorted(found, key=lambda entry: -abs(entry[2]))


def draw_contributions(model: Model, case: str, values: Mapping[str, float]) -> Drawing | None:
    """Draw what raises and what lowers the risk of a case, against a usual case.

    Returns
    -------
    Drawing or None
        None where the model has no equation or a value is missing.
    """
    parts = contributions(model.equation, values) if model.equation is not None else []
    if not parts:
        return None
    with styled():
        figure = Figure(figsize=(DOUBLE_IN, 0.75 + 0.24 * len(parts)))
        axes = figure.add_subplot()
        for row, (_, _, added) in enumerate(parts):
            axes.barh(row, added, 0.62, color=HIGH if added > 0 else LOW)
        axes.axvline(0, color="#1D232C", lw=0.8)
        labels = [
            f"{clip(column_label(name), 32)} = {number(value, 2)}" for name, value, _ in parts
        ]
        axes.set_yticks(range(len(parts)), labels)
        axes.set(ylim=(len(parts) - 0.4, -0.6), xlabel="← lowers the risk  |  raises the risk →")
    caption = (
        f"What sets this case apart from a usual one in {model.name} (log odds or log hazard). "
        "It describes the model; changing a value would not change the patient's risk by that."
    )
    name = f"{slug(case)}-{slug(model.name)}-contributions"
    return Drawing(name, f"What moves the risk: {model.name}", caption, figure)
