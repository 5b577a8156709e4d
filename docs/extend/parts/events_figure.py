# SPDX-License-Identifier: Apache-2.0
"""A figure: patients and events of every cohort."""

from hepacast.report.content import OutcomeReport
from hepacast.report.figures.pick import View, views
from hepacast.report.figures.style import COLOURS, REST, Drawing, canvas, styled
from hepacast.report.wording import slug


def draw_events(outcome: OutcomeReport) -> Drawing | None:
    """Draw a bar per cohort, or return None where no model was scored."""
    found = [(view, _first(outcome, view)) for view in views(outcome)]
    if not found:
        return None
    with styled():
        figure, axes = canvas(height_in=0.8 + 0.35 * len(found))
        for row, (_, seen) in enumerate(found):
            axes.barh(row, seen.n, color=REST, height=0.6)
            axes.barh(row, seen.events, color=COLOURS[0], height=0.6)
        axes.set_yticks(range(len(found)), [view.words for view, _ in found])
        axes.set_xlabel("Patients; dark: with the event")
        axes.invert_yaxis()
    caption = f"Patients and events of {outcome.phrase}, by cohort."
    return Drawing(f"{slug(outcome.name)}-events", "Events by cohort", caption, figure)


def _first(outcome: OutcomeReport, view: View):
    """Return the evaluation of the first model on some patients."""
    return next(seen for model in outcome.models if (seen := view.of(model)) is not None)
